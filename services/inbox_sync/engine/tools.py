"""What every reader works with: one set per replica, shared by all its mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from services.inbox_sync.domain.backoff import Backoff
from services.inbox_sync.engine.closing import Closing
from services.inbox_sync.engine.gates import Gates
from services.inbox_sync.ports import Auth, Bus, Clock, Judge, Ledger, Mailboxes, Poison
from services.providers.protocols import Sync


@dataclass(frozen=True, slots=True)
class Rules:
    """How mailboxes are read."""

    look_back: timedelta = timedelta(days=2)
    """How far before a mailbox's connecting answers are looked for."""
    extra_folders: tuple[str, ...] = ()
    """Folders every mailbox is read for besides INBOX and Junk, by the names people see."""
    fetch_limit: int = 10 * 2**20
    safety_poll: timedelta = timedelta(minutes=4)
    list_folders_every: timedelta = timedelta(minutes=10)
    stall_after: timedelta = timedelta(minutes=5)
    backoff: Backoff = field(default_factory=Backoff)
    open_seconds: float = 90.0
    page_seconds: float = 180.0
    """The client keeps its own limits; these are the last wall."""
    save_every: float = 0.5
    """Seconds between the saved places of a backlog that holds no finds: what a kill repeats at most."""
    settled_after: float = 60.0
    """Seconds a session must have lived for its failure to count as the first one."""


@dataclass(frozen=True, slots=True)
class Tools:
    mailboxes: Mailboxes
    ledger: Ledger
    poison: Poison
    judge: Judge
    auth: Auth
    bus: Bus
    syncs: Callable[[str], Sync]
    """The face of a client that reads. Raises `LookupError` for one that is not known, or has no inbox."""
    gates: Gates
    closing: Closing
    bulk: asyncio.Semaphore
    """Judge requests about backlogs under way: what has just arrived need not queue behind them."""
    now: Clock
    draw: Callable[[], float]
    """0 ≤ x < 1, for jitter."""
    rules: Rules
    me: str
    """This replica, as leases and people name it."""
