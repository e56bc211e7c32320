"""Small decisions about time: when to announce progress, when to look unasked, how soon to ask again about a find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

ASK_AGAIN = tuple(timedelta(seconds=s) for s in (5, 15, 30, 60, 120, 300, 600))


def safety_poll(period: timedelta, draw: Callable[[], float]) -> float:
    """Seconds until the next unasked look, spread over ±20 % so that a thousand mailboxes do not look at once."""
    return period.total_seconds() * (0.8 + 0.4 * draw())


def ask_again(tries: int) -> timedelta:
    """How long after the `tries`-th publishing a find may stay unconfirmed before it is published again."""
    return ASK_AGAIN[min(max(tries, 1), len(ASK_AGAIN)) - 1]


def host_of(client: str, settings: Mapping[str, Any]) -> str:
    """Whose gate an account's connections pass: the host its person named, else the client's one provider."""
    imap = settings.get("imap")
    if isinstance(imap, dict) and isinstance(imap.get("host"), str):
        return str(imap["host"]).lower()
    return client
