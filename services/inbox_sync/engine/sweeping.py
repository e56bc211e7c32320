"""Sees every find to its end: asks reply_matching what it holds, purges that, and publishes the rest again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from services.inbox_sync.domain import words
from services.inbox_sync.ports import Bus, Clock, DueFind, Finds, Judge, JudgeUnavailable
from services.runtime.logging import get_logger

_PAGE = 500
_log = get_logger(__name__)


class Sweeper:
    def __init__(self, finds: Finds, judge: Judge, bus: Bus, now: Clock, every: timedelta) -> None:
        self._finds = finds
        self._judge = judge
        self._bus = bus
        self._now = now
        self._every = every.total_seconds()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                full = await self.sweep() >= _PAGE
            except JudgeUnavailable:
                full = False  # it holds nothing new while it is away
            if not full:
                await asyncio.sleep(self._every)

    async def sweep(self) -> int:
        """How many finds were due. Raises `JudgeUnavailable`."""
        due = await self._finds.due(self._now(), _PAGE)
        by_account: dict[str, list[DueFind]] = defaultdict(list)
        for find in due:
            by_account[find.account_id].append(find)
        for account_id, finds in by_account.items():
            held = set(await self._judge.held(account_id, [find.ref for find in finds]))
            await self._finds.held([find.id for find in finds if find.ref in held])
            await self._again([find for find in finds if find.ref not in held])
        return len(due)

    async def _again(self, finds: Sequence[DueFind]) -> None:
        for due in finds:
            try:
                find = await self._finds.again(due, self._now())
                if find is not None:
                    await self._bus.announce(find)
                    _log.info(
                        "a find was published again", account_id=find.account_id, find_id=find.id, tries=due.tries
                    )
            except Exception as error:  # noqa: BLE001 - it stays owed; the others must not wait for it
                _log.warning("a find could not be published", find_id=due.id, at=words.origin(error))
