"""Takes published events off the documents that owed them: many documents in one write, by a slow clock.

Nobody waits for such a write, and were it lost, its events would be told once more under their ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.runtime.group_commit import WriteUnknown
from services.runtime.mongo import OUTAGES, Collection

FIELD = "owed"
_MOST_AT_ONCE = 500


class TakingOff:
    """`gather`: how long what comes is gathered; a document that owes twice within it is written once. `close` ends it
    once everything pending is taken off."""

    def __init__(self, collection: Collection, gather: timedelta = timedelta(seconds=1)) -> None:
        self._collection = collection
        self._gather = gather.total_seconds()
        self._pending: list[tuple[Any, Sequence[str]]] = []
        self._next: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()

    async def put(self, document_id: Any, ids: Sequence[str]) -> None:
        """Returns once they are off. Raises `WriteUnknown` where the database went away: they may be owed still."""
        self._pending.append((document_id, ids))
        if self._next is None:
            self._next = asyncio.create_task(self._write_soon(), name="take off owed events")
            self._writing.add(self._next)
            self._next.add_done_callback(self._writing.discard)
        await asyncio.shield(self._next)

    async def close(self) -> None:
        self._hurry.set()
        while self._writing:
            await asyncio.wait(self._writing)

    async def _write_soon(self) -> None:
        try:
            async with asyncio.timeout(self._gather):
                await self._hurry.wait()
        except TimeoutError:
            pass  # the usual end of gathering
        taken, self._pending, self._next = self._pending, [], None
        for start in range(0, len(taken), _MOST_AT_ONCE):
            await self._write(taken[start : start + _MOST_AT_ONCE])

    async def _write(self, taken: Sequence[tuple[Any, Sequence[str]]]) -> None:
        documents = [document_id for document_id, _ in taken]
        published = [each for _, ids in taken for each in ids]
        # An event's id is in one document alone, so all of them may be looked for in each.
        change = {"$pull": {FIELD: {"id": {"$in": published}}}}
        try:
            await self._collection.update_many({"_id": {"$in": documents}}, change)
        except OUTAGES as outage:
            raise WriteUnknown(f"{self._collection.name}: {outage}") from outage
