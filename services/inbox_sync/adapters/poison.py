"""Counts of messages that may be what stops the reading, in MongoDB: places and numbers, never content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.runtime.mongo import Database

_KEPT = timedelta(days=30)


class MongoPoison:
    def __init__(self, db: Database) -> None:
        self._poison = db["poison"]

    async def count(self, account_id: str, ref: str) -> tuple[int, bool]:
        row = await self._poison.find_one_and_update(
            {"_id": _id(account_id, ref)},
            {
                "$inc": {"tries": 1},
                "$set": {"expires_at": datetime.now(UTC) + _KEPT},
                "$setOnInsert": {"account_id": account_id, "set_aside": False, "body": False},
            },
            upsert=True,
            return_document=True,
        )
        return row["tries"], row["body"]

    async def reached_body(self, account_id: str, ref: str) -> None:
        await self._poison.update_one({"_id": _id(account_id, ref)}, {"$set": {"body": True}})

    async def got_over(self, account_id: str, ref: str) -> None:
        await self._poison.update_one({"_id": _id(account_id, ref)}, {"$set": {"tries": 0}})

    async def uncount(self, account_id: str, ref: str) -> None:
        await self._poison.update_one({"_id": _id(account_id, ref), "tries": {"$gt": 0}}, {"$inc": {"tries": -1}})

    async def set_aside(self, account_id: str, ref: str) -> None:
        await self._poison.update_one({"_id": _id(account_id, ref)}, {"$set": {"set_aside": True}})

    async def forgive(self, account_id: str) -> None:
        await self._poison.delete_many({"account_id": account_id, "set_aside": False})


def _id(account_id: str, ref: str) -> str:
    return f"{account_id}/{ref}"
