"""The first reading of a mailbox, shown as it goes: how many messages are judged and how many are still to come."""

from __future__ import annotations

import time
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.api import Api
from services.cli.errors import CannotGoOn
from services.cli.output import Output

_EVERY = 0.5
"""Seconds between two looks; the mailboxes API has nothing to wait on."""


def follow(api: Api, account_id: str, out: Output) -> dict[str, Any]:
    """The mailbox once its first sync is complete. Raises `CannotGoOn` where it cannot be read."""
    columns = (TextColumn("First sync"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out.people, transient=True) as bar:
        shown = bar.add_task("first sync", total=None)
        while True:
            mailbox = _mailbox(api, account_id)
            progress, trouble = mailbox.get("progress"), mailbox.get("trouble")
            if trouble:
                raise CannotGoOn(f"It cannot be read: {trouble['words']}", remedy=trouble["remedy"])
            if progress:
                remaining = progress["remaining"]
                total = None if remaining is None else progress["done"] + remaining
                bar.update(shown, completed=progress["done"], total=total)
                if progress["complete"]:
                    return mailbox
            time.sleep(_EVERY)


def _mailbox(api: Api, account_id: str) -> dict[str, Any]:
    """Empty while inbox_sync has not heard of the account yet: the event is on its way."""
    try:
        found: dict[str, Any] = api.get(f"/v1/mailboxes/{account_id}")
    except CannotGoOn as refused:
        if refused.code != "not_found":
            raise
        return {}
    return found
