"""The sent-copy jobs, kept inside their messages' documents under `copy`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Collection
from services.send.domain.copy import PENDING


class CopyJobs:
    def __init__(self, collection: Collection, commit: GroupCommit) -> None:
        self._collection = collection
        self._commit = commit

    async def due(self, now: datetime, limit: int, busy: Sequence[str]) -> list[tuple[str, str]]:
        """(message, account) of those nobody holds any more; not of the `busy` accounts, which would fill the page."""
        wanted = {"copy.due": {"$lte": now}, "account": {"$nin": list(busy)}}
        found = self._collection.find(wanted, {"account": 1}).sort("copy.due", 1).limit(limit)
        return [(document["_id"], document["account"]) async for document in found]

    async def claim(self, message: str, now: datetime, hold: timedelta, held_until: datetime | None) -> int | None:
        """Its number of attempts with this one; None where it is done or another process took it over. A copy that
        was swept must have been given up by its holder; `held_until` renews what its holder still has."""
        free = {"copy.due": {"$lte": now} if held_until is None else held_until}
        held = await self._collection.find_one_and_update(
            {"_id": message, "copy.state": PENDING, **free},
            {"$set": {"copy.due": now + hold}, "$inc": {"copy.attempts": 1 if held_until is None else 0}},
            projection={"copy": 1},
            return_document=True,
        )
        return None if held is None else int(held["copy"]["attempts"])

    async def settle(self, message: str, held_until: datetime, result: Mapping[str, Any]) -> None:
        """Nothing where another took it over meanwhile. Only a pending result keeps a time to be looked at again."""
        await self._commit.update({"_id": message, "copy.due": held_until}, {"$set": {"copy": dict(result)}})
