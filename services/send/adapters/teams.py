"""What a team has decided for `send`: for now, what becomes of messages that nobody can confirm."""

from __future__ import annotations

from datetime import UTC, datetime

from services.runtime.mongo import Collection


class Teams:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def unconfirmed_policy(self, team: str) -> str:
        found = await self._collection.find_one({"_id": team})
        return "ask" if found is None else str(found.get("unconfirmed", "ask"))

    async def decide_unconfirmed(self, team: str, policy: str, by: str) -> None:
        change = {"unconfirmed": policy, "decided_by": by, "decided_at": datetime.now(UTC)}
        await self._collection.update_one({"_id": team}, {"$set": change}, upsert=True)
