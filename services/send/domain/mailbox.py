"""One mailbox as the dispatcher sees it: whose it is, whether it may send, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CONNECTED = "connected"
NEEDS_REAUTH = "needs_reauth"
DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Mailbox:
    account: str
    team: str
    client: str
    address: str
    account_state: str
    """auth's word: connected, needs_reauth, disconnected."""
    revision: int
    wakes: int = 0
    """Counts the wake-ups: nobody may call the mailbox idle after one that he has not seen."""
    paused_until: datetime | None = None
    pause: Mapping[str, Any] | None = None
    """Why, as a Failure."""
    bucket_tokens: float | None = None
    bucket_at: datetime | None = None
