"""Cancellations that came before their requests, kept in MongoDB for as long as a request may be on its way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.runtime.mongo import Collection


@dataclass(slots=True)
class _Round:
    answer: asyncio.Task[frozenset[str]]
    messages: set[str] = field(default_factory=set)


class Cancels:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._next: _Round | None = None

    async def keep(self, message: str) -> None:
        await self._collection.update_one({"_id": message}, {"$setOnInsert": {"at": datetime.now(UTC)}}, upsert=True)

    async def kept(self, message: str) -> bool:
        """Asked in one question with all that ask at the same moment: every request does, and the answer is no."""
        if self._next is None:
            self._next = _Round(asyncio.create_task(self._ask(), name="ask for cancellations"))
        asked = self._next
        asked.messages.add(message)
        return message in await asyncio.shield(asked.answer)

    async def _ask(self) -> frozenset[str]:
        """Begins once all that run at this moment have asked."""
        assert self._next is not None
        messages, self._next = self._next.messages, None
        found = self._collection.find({"_id": {"$in": list(messages)}}, {"_id": 1})
        return frozenset([document["_id"] async for document in found])
