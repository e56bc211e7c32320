"""Cancellations that came before their requests, kept in MongoDB for as long as a request may be on its way."""

from __future__ import annotations

from datetime import UTC, datetime

from services.runtime.mongo import Collection


class Cancels:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def keep(self, message: str) -> None:
        await self._collection.update_one({"_id": message}, {"$setOnInsert": {"at": datetime.now(UTC)}}, upsert=True)

    async def kept(self, message: str) -> bool:
        return await self._collection.find_one({"_id": message}) is not None
