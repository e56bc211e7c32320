"""Names the provider gave a sent message and reply_matching has not confirmed yet: flagged in the document, swept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Collection


class Announcements:
    def __init__(self, collection: Collection, commit: GroupCommit) -> None:
        self._collection = collection
        self._commit = commit

    async def waiting(self, before: datetime, limit: int) -> list[dict[str, Any]]:
        """`team`, `request_id` and `identities` of those."""
        wanted = {"unannounced": {"$lte": before}}
        fields = {"team": 1, "request_id": 1, "identities": 1}
        return await self._collection.find(wanted, fields).limit(limit).to_list(limit)

    async def done(self, message: str) -> None:
        await self._commit.update({"_id": message}, {"$unset": {"unannounced": ""}})
