"""Finds in MongoDB between their commit and reply_matching's confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.inbox_sync.adapters.find_rows import FindRows
from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.windows import ask_again
from services.inbox_sync.ports import DueFind
from services.runtime.mongo import Database, DuplicateKey


class MongoFinds:
    def __init__(self, db: Database, rows: FindRows) -> None:
        self._finds = db["finds"]
        self._rows = rows

    async def add(self, find: Find) -> bool:
        row = self._rows.row(find)
        try:
            done = await self._finds.update_one({"_id": find.id}, {"$setOnInsert": row}, upsert=True)
        except DuplicateKey:
            return False  # reported twice at once: the other one has stored it
        return done.upserted_id is not None

    async def due(self, now: datetime, limit: int) -> Sequence[DueFind]:
        wanted = {"account_id": 1, "ref": 1, "tries": 1}
        query = self._finds.find({"due": {"$lte": now}}, wanted).sort("due", 1).limit(limit)
        return [DueFind(row["_id"], row["account_id"], row["ref"], row["tries"]) async for row in query]

    async def held(self, find_ids: Sequence[str]) -> None:
        await self._finds.update_many({"_id": {"$in": list(find_ids)}}, {"$unset": {"sealed": "", "due": ""}})

    async def again(self, due: DueFind, now: datetime) -> Find | None:
        row = await self._finds.find_one_and_update(
            {"_id": due.id, "tries": due.tries, "due": {"$exists": True}},
            {"$set": {"due": now + ask_again(due.tries + 1)}, "$inc": {"tries": 1}},
        )
        return None if row is None else self._rows.opened(row)
