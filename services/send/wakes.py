"""Wake-ups of mailboxes, written down: all that come for one mailbox while a write is under way share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _Wake:
    due: datetime
    written: asyncio.Future[None]


class Wakes:
    def __init__(self, write: Callable[[str, datetime], Awaitable[None]]) -> None:
        self._write = write
        self._next: dict[str, _Wake] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}

    async def put(self, account: str, due: datetime) -> None:
        """Returns once it is durable. Raises what the database raises."""
        wake = self._next.get(account)
        if wake is None:
            wake = self._next[account] = _Wake(due, asyncio.get_running_loop().create_future())
        else:
            wake.due = min(wake.due, due)
        if account not in self._writers:
            self._writers[account] = asyncio.create_task(self._flush(account), name="wake")
        await asyncio.shield(wake.written)

    async def _flush(self, account: str) -> None:
        try:
            while (wake := self._next.pop(account, None)) is not None:
                try:
                    await self._write(account, wake.due)
                except Exception as error:  # noqa: BLE001 - those who wait for it are told
                    wake.written.set_exception(error)
                else:
                    wake.written.set_result(None)
        finally:
            del self._writers[account]
