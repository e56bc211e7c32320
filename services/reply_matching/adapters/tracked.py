"""Tracked messages in MongoDB: one document each, its keys in one array under one index.

Registering is therefore one write, atomic without a transaction, and a whole batch of headers is one `$in`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from services.reply_matching.domain.judged import Tracked
from services.reply_matching.ports import Registration, TrackedRecord
from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Database

_MAX_MEMBERS = 200
_MAX_KEYS = 1000


class MongoTrackedMessages:
    def __init__(self, db: Database) -> None:
        self._collection = db["tracked"]
        self._writes = GroupCommit(self._collection)

    async def register(self, registrations: Sequence[Registration]) -> None:
        await asyncio.gather(*(self._register(one) for one in registrations))

    async def _register(self, one: Registration) -> None:
        document = {
            "_id": _identity(one.team_id, one.request_id),
            "team_id": one.team_id,
            "account_id": one.account_id,
            "request_id": one.request_id,
            "keys": list(one.keys),
            "message_ids": list(one.message_ids),
            "recipients": list(one.recipients),
            "subject_key": one.subject_key,
            "sent_at": one.sent_at,
            "correlation_id": one.correlation_id,
            # As text: JSON knows numbers, keys and depths that BSON cannot hold, and nothing asks for it by its parts.
            "metadata": json.dumps(dict(one.metadata), ensure_ascii=False),
        }
        if not await self._writes.insert(document):
            await self.add_keys(one.team_id, one.request_id, one.keys, one.message_ids)

    async def add_keys(self, team_id: str, request_id: str, keys: Collection[bytes], ids: Collection[str]) -> bool:
        update = {"$addToSet": {"keys": {"$each": list(keys)}, "message_ids": {"$each": list(ids)}}}
        return await self._writes.update({"_id": _identity(team_id, request_id)}, update)

    async def add_members(self, team_id: str, request_id: str, keys: Collection[bytes]) -> None:
        """A thread that has grown past the bound learns no more members: its root still leads home."""
        if keys:
            await self._writes.update(
                {"_id": _identity(team_id, request_id), f"members.{_MAX_MEMBERS}": {"$exists": False}},
                {"$addToSet": {"keys": {"$each": list(keys)}, "members": {"$each": list(keys)}}},
            )

    async def find(self, keys: Iterable[bytes]) -> Mapping[bytes, Sequence[Tracked]]:
        asked = set(keys)
        found: dict[bytes, list[Tracked]] = {}
        if not asked:
            return found
        async for document in self._collection.find({"keys": {"$in": sorted(asked)}}, _JUDGED):
            members = frozenset(document.get("members", ()))
            for key in asked.intersection(document["keys"]):
                found.setdefault(key, []).append(_tracked(document, key in members))
        return found

    async def record(self, team_id: str, request_id: str) -> TrackedRecord | None:
        document = await self._collection.find_one({"_id": _identity(team_id, request_id)})
        if document is None:
            return None
        kept = document["metadata"]
        metadata = json.loads(kept) if isinstance(kept, str) else kept  # before it was text, it was a document
        return TrackedRecord(_tracked(document, member=False), document["correlation_id"], metadata)

    async def number_of(self, team_id: str, request_id: str, answer: str) -> int:
        identity = _identity(team_id, request_id)
        await self._writes.update({"_id": identity}, {"$addToSet": {"answered_by": answer}})
        document = await self._collection.find_one({"_id": identity}, {"answered_by": 1})
        answers: list[str] = (document or {}).get("answered_by", [answer])
        return answers.index(answer) + 1

    async def close(self) -> None:
        await self._writes.close()


_JUDGED = {
    "team_id": 1,
    "account_id": 1,
    "request_id": 1,
    "keys": {"$slice": _MAX_KEYS},
    "members": 1,
    "message_ids": 1,
    "recipients": 1,
    "subject_key": 1,
    "sent_at": 1,
}


def _identity(team_id: str, request_id: str) -> str:
    return f"{team_id}/{request_id}"  # a team holds no slash


def _tracked(document: Mapping[str, Any], member: bool) -> Tracked:
    return Tracked(
        request_id=document["request_id"],
        team_id=document["team_id"],
        account_id=document["account_id"],
        recipients=tuple(document["recipients"]),
        subject_key=document["subject_key"],
        sent_at=document["sent_at"],
        message_ids=tuple(document["message_ids"]),
        member=member,
    )
