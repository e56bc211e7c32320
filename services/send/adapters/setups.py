"""Each team's set-up of the External client, in MongoDB."""

from __future__ import annotations

from datetime import datetime

from services.runtime.mongo import Collection
from services.send.domain.setup import Setup


class SetupRows:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def of(self, team: str) -> Setup:
        found = await self._collection.find_one({"_id": team})
        if found is None:
            return Setup(team)
        return Setup(
            team,
            found.get("delivery"),
            found.get("test_request"),
            found.get("tested_at"),
            found.get("proved_at"),
            found.get("changed_by", ""),
        )

    async def choose(self, team: str, delivery: str, by: str, now: datetime) -> None:
        """Chosen again, the same way stays proved."""
        await self._collection.update_one(
            {"_id": team}, {"$setOnInsert": {"delivery": None, "proved_at": None}}, upsert=True
        )
        await self._collection.update_one(
            {"_id": team, "delivery": {"$ne": delivery}},
            {
                "$set": {"delivery": delivery, "changed_by": by, "changed_at": now, "proved_at": None},
                "$unset": {"test_request": "", "tested_at": ""},
            },
        )

    async def note_test(self, team: str, request_id: str, now: datetime) -> None:
        await self._collection.update_one({"_id": team}, {"$set": {"test_request": request_id, "tested_at": now}})

    async def prove(self, team: str, request_id: str, now: datetime) -> None:
        await self._collection.update_one(
            {"_id": team, "test_request": request_id, "proved_at": None}, {"$set": {"proved_at": now}}
        )
