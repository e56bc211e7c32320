"""Tells of one mailbox how its reading goes: progress, its end, trouble, recovery. Writes little if little happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from replywire_contracts.event import Event
from replywire_contracts.v1.values import Failure, Progress

from services.inbox_sync.domain import facts, stalls
from services.inbox_sync.domain.mailboxes import Fence, Mailbox, State, SyncProgress
from services.inbox_sync.engine.tools import Tools
from services.providers.types import Page

_PROGRESS_EVERY = 2.0
"""Seconds between two announcements of a first sync's progress."""
_SYNCED_TO_EVERY = timedelta(minutes=1)


class Reporting:
    __slots__ = ("_account", "_fence", "_progress", "_state", "_synced_to", "_told_at", "_tools", "_trouble")

    def __init__(self, tools: Tools, fence: Fence, mailbox: Mailbox, progress: SyncProgress | None) -> None:
        """`progress`: of the first sync or resync that this reading is for; the mailbox's own where there is one."""
        self._tools = tools
        self._fence = fence
        self._account = mailbox.account
        self._state: State | None = None
        self._trouble = mailbox.trouble
        self._progress = progress
        self._synced_to = mailbox.synced_to
        self._told_at = asyncio.get_running_loop().time() - _PROGRESS_EVERY
        """The first page is told at once: people watch it."""

    @property
    def first_sync_under_way(self) -> bool:
        return self._progress is not None and not self._progress.complete

    async def connecting(self) -> None:
        if self._trouble is None and self._state is None:
            await self._note(State.CONNECTING)

    async def page(self, page: Page) -> None:
        """One more page was judged."""
        progress = self._progress
        if progress is None or progress.complete:
            return
        self._progress = replace(progress, done=progress.done + len(page.headers), remaining=page.remaining)
        if page.more and page.headers and asyncio.get_running_loop().time() - self._told_at >= _PROGRESS_EVERY:
            self._told_at = asyncio.get_running_loop().time()
            event = self._synced(self._progress.cause, page.headers[-1].received_at, self._progress, complete=False)
            await self._note(State.FIRST_SYNC, progress=self._progress, owed=(event,), clean=True)

    async def up_to_date(self, looked_at: datetime) -> None:
        """Every folder was read to its end."""
        owed: list[Event] = []
        progress = self._progress
        if progress is not None and not progress.complete:
            progress = self._progress = replace(progress, remaining=0, complete=True)
            owed.append(self._synced(progress.cause, looked_at, progress, complete=True))
        if self._trouble is not None and self._trouble.announced:
            recovered = SyncProgress(facts.outage(self._trouble), self._trouble.since, remaining=0, complete=True)
            owed.append(self._synced(recovered.cause, looked_at, recovered, complete=True))
        stale = self._synced_to is None or looked_at - self._synced_to >= _SYNCED_TO_EVERY
        if owed or stale or self._trouble is not None or self._state is not State.WATCHING:
            self._trouble, self._synced_to = None, looked_at
            await self._note(State.WATCHING, synced_to=looked_at, progress=progress, owed=owed, clean=True)

    async def failed(self, failure: Failure, failures: int) -> None:
        """The `failures`-th time in a row. The first one is a blip: nothing is written for it."""
        now = self._tools.now()
        before = self._trouble
        self._trouble = stalls.worse(before, failure, now)
        owed: list[Event] = []
        if stalls.due(self._trouble, now, self._tools.rules.stall_after):
            self._trouble = replace(self._trouble, announced=True)
            owed.append(facts.stalled(self._account.team_id, self._account.account_id, self._trouble, now))
        elif failures < 2 or (before is not None and before.failure == failure and failures > 2):
            return
        await self._note(State.STALLED, owed=owed)

    async def _note(
        self,
        state: State,
        *,
        synced_to: datetime | None = None,
        progress: SyncProgress | None = None,
        owed: list[Event] | tuple[Event, ...] = (),
        clean: bool = False,
    ) -> None:
        await self._tools.mailboxes.note(
            self._fence, state, synced_to=synced_to, trouble=self._trouble, progress=progress, clean=clean, owed=owed
        )
        self._state = state

    def _synced(self, cause: str, synced_to: datetime, progress: SyncProgress, *, complete: bool) -> Event:
        return facts.synced(
            self._account.team_id,
            self._account.account_id,
            cause,
            synced_to,
            Progress(done=progress.done, remaining=progress.remaining, since=progress.since),
            complete,
            self._tools.now(),
        )
