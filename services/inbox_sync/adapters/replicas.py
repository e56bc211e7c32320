"""The replicas of this service that live, by the server's clock."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from services.runtime.mongo import Database


class MongoReplicas:
    def __init__(self, db: Database, me: str, ttl: timedelta) -> None:
        self._replicas = db["replicas"]
        self._me = me
        self._until = {"$add": ["$$NOW", int(ttl.total_seconds() * 1000)]}

    async def beat(self) -> None:
        await self._replicas.update_one({"_id": self._me}, [{"$set": {"until": self._until}}], upsert=True)

    async def living(self) -> Collection[str]:
        found = self._replicas.find({"$expr": {"$gt": ["$until", "$$NOW"]}}, {"_id": 1})
        return [row["_id"] async for row in found]

    async def leave(self) -> None:
        await self._replicas.delete_one({"_id": self._me})
