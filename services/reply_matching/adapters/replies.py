"""Answers in MongoDB: a reply and the event owed about it are one document, so they cannot part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Database
from services.runtime.owed import OwedEvents
from services.runtime.publisher import Publisher


class MongoReplies:
    def __init__(self, db: Database, publisher: Callable[[], Publisher]) -> None:
        """`publisher` is asked for when first needed: the bus is connected after the service is wired."""
        self._publisher = publisher
        self._replies = db["replies"]
        self._settled = db["settled"]
        self._writes = GroupCommit(self._replies)
        self._settlements = GroupCommit(self._settled)

    @cached_property
    def owed(self) -> OwedEvents:
        return OwedEvents(self._replies, self._publisher(), self._writes)

    async def hold(self, reply: Mapping[str, Any]) -> bool:
        new = await self._writes.insert(dict(reply))
        if new:
            await self.owed.settle(reply["_id"], reply["owed"])
        return new

    async def correct(
        self,
        reply_id: str,
        corrected: int,
        changes: Mapping[str, Any],
        entry: Mapping[str, Any],
        owed: Mapping[str, Any],
    ) -> bool:
        changed = await self._writes.update(
            {"_id": reply_id, f"corrections.{corrected}": {"$exists": False}},
            {"$set": dict(changes), "$push": {"corrections": dict(entry), "owed": dict(owed)}},
        )
        if changed:
            await self.owed.settle(reply_id, [dict(owed)])
        return changed

    async def settle(self, account_id: str, ref: str) -> None:
        await self._settlements.insert({"_id": f"{account_id}/{ref}", "at": datetime.now(UTC)})

    async def settled(self, account_id: str, refs: Collection[str]) -> Sequence[str]:
        found = self._settled.find({"_id": {"$in": [f"{account_id}/{ref}" for ref in refs]}}, {"_id": 1})
        return [document["_id"].partition("/")[2] async for document in found]

    async def page(
        self, team_id: str, conditions: Mapping[str, Any], after: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """A team's replies that meet the conditions, newest first, below the id `after`."""
        query: dict[str, Any] = {"team_id": team_id, **conditions}
        if after is not None:
            query["_id"] = {"$lt": after}
        return [document async for document in self._replies.find(query).sort("_id", -1).limit(limit)]

    async def one(self, team_id: str, reply_id: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self._replies.find_one({"_id": reply_id, "team_id": team_id})
        return found

    async def close(self) -> None:
        await self._writes.close()
        await self._settlements.close()
