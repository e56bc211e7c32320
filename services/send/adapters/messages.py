"""The messages in MongoDB: one guarded write per step, many steps per journal flush."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid4

from replywire_contracts.event import Event

from services.providers.types import Identities
from services.runtime.group_commit import GroupCommit, WriteUnknown
from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES, Collection, Document, find_latest
from services.runtime.owed import OwedEvents
from services.send.adapters.documents import (
    WORK,
    document_of,
    filter_of,
    identities_of,
    message_of,
    together,
    update_of,
)
from services.send.adapters.pieces import Pieces
from services.send.domain.message import Message
from services.send.domain.moves import Move, begin, begun_by
from services.send.domain.request import Earlier
from services.send.domain.state import NOTHING_LEFT

_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
_AWAY: tuple[type[Exception], ...] = (WriteUnknown, *OUTAGES)
_log = get_logger(__name__)


class Messages:
    def __init__(self, collection: Collection, pieces: Pieces, commit: GroupCommit, owed: OwedEvents) -> None:
        self._collection = collection
        self._pieces = pieces
        self._commit = commit
        self._owed = owed
        self._settling: set[asyncio.Task[bool]] = set()
        self._writer = uuid4().hex[:12]
        self._steps = count(1)

    async def insert(
        self, message: Message, kept: Mapping[str, Any], note: Mapping[str, Any], events: Sequence[Event]
    ) -> bool:
        """False where the request is known. What it owes is published from here on."""
        document = document_of(message, facts=kept, note=note, events=events)
        inserted = await self._commit.insert(document)
        if inserted:
            self._settle(message.id, document["owed"], events)
        return inserted

    async def earlier(self, message: str) -> tuple[Earlier, Identities] | None:
        fields = {"account": 1, "message_id": 1, "marker": 1, "references": 1, "subject": 1, "identities": 1}
        found = await self._collection.find_one({"_id": message, "message_id": {"$ne": ""}}, fields)
        if found is None:
            return None
        names = found.get("identities") or {"message_ids": [found["message_id"]], "marker": found["marker"]}
        references = tuple(found.get("references", ()))
        return Earlier(found["account"], found["message_id"], references, found["subject"]), identities_of(names)

    async def apply(self, move: Move) -> bool:
        """False where the message has moved on. While the database is away this waits: what an attempt learnt must
        not be lost by giving up, and the guard keeps a late write harmless."""
        step = f"{self._writer}:{next(self._steps)}"
        update, owed = update_of(move, step)
        applied = await self._write(filter_of(move), update, step)
        if applied and owed is not None and move.event is not None:
            self._settle(move.message, [owed], [move.event])
        return applied

    async def _write(self, guard: Document, update: Document, step: str) -> bool:
        doubtful = False
        for attempt in count():
            try:
                if await self._commit.update(guard, update):
                    return True
                return doubtful and await self._was_written(guard["_id"], step)
            except _AWAY as outage:
                doubtful = True
                if attempt == 0:
                    _log.warning("a write waits for the database", message=guard["_id"], error=str(outage))
                await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
        raise AssertionError

    async def _was_written(self, message: str, step: str) -> bool:
        found = await find_latest(self._collection, {"_id": message}, {"step": 1})
        return found is not None and found.get("step") == step

    async def note(self, message: str, guard: Mapping[str, Any], update: Document) -> bool:
        """A write beside the state machine (sent copy, announcements). Raises `Outage`s."""
        return await self._commit.update({**guard, "_id": message}, update)

    async def due(self, account: str, fence: int, now: datetime, limit: int) -> list[Message]:
        """Open messages whose time has come and which this lease has not taken yet, oldest first."""
        wanted = {"account": account, "due": {"$lte": now}, "fence": {"$ne": fence}}
        found = self._collection.find(wanted, WORK).sort("due", 1).limit(limit)
        return [message_of(document) for document in await found.to_list(limit)]

    async def begin(self, messages: Sequence[Message], fence: int, now: datetime) -> list[Message]:
        """Those that are now this lease's to hand over: one write for all that tried equally often."""
        alike: dict[tuple[int, datetime | None], list[Message]] = {}
        for message in messages:
            alike.setdefault((message.attempts, message.trying_since), []).append(message)
        return [begun for group in alike.values() for begun in await self._begin(group, fence, now)]

    async def _begin(self, group: Sequence[Message], fence: int, now: datetime) -> list[Message]:
        moves = [begin(message, fence, now) for message in group]
        step = f"{self._writer}:{next(self._steps)}"
        result = await self._collection.update_many(*together(moves, fence, step))
        begun = [begun_by(message, move) for message, move in zip(group, moves, strict=True)]
        if result.modified_count == len(begun):
            return begun
        ours = {"_id": {"$in": [message.id for message in begun]}, "step": step}
        stored = {document["_id"] async for document in self._collection.find(ours, {"_id": 1})}
        return [message for message in begun if message.id in stored]

    async def next_due(self, account: str) -> datetime | None:
        found = (
            await self._collection.find({"account": account, "due": {"$exists": True}}, {"due": 1})
            .sort("due", 1)
            .limit(1)
            .to_list(1)
        )
        due: datetime | None = found[0]["due"] if found else None
        return due

    async def open_of(self, account: str, limit: int) -> list[Message]:
        wanted = {"account": account, "due": {"$exists": True}}
        return [message_of(document) async for document in self._collection.find(wanted, WORK).limit(limit)]

    async def expired(self, now: datetime, limit: int) -> list[Message]:
        """Those whose time has passed before an attempt began."""
        wanted = {"expires": {"$lte": now}, "state": {"$in": [state.value for state in NOTHING_LEFT]}}
        return [message_of(document) async for document in self._collection.find(wanted, WORK).limit(limit)]

    async def waiting_work(self) -> AsyncIterator[tuple[str, datetime]]:
        """Each mailbox with open messages and its earliest time: heals a wake-up that a crash swallowed."""
        stages: list[Document] = [
            {"$match": {"due": {"$exists": True}}},
            {"$group": {"_id": "$account", "due": {"$min": "$due"}}},
        ]
        async for document in self._collection.aggregate(stages, hint="account_1_due_1"):
            yield document["_id"], document["due"]

    async def find(self, message: str) -> Document | None:
        return await find_latest(self._collection, {"_id": message})

    async def read(self, message: str) -> Message | None:
        found = await self._collection.find_one({"_id": message}, WORK)
        return None if found is None else message_of(found)

    async def mime(self, message: Message) -> bytes:
        """The frozen octets. Raises `LookupError` where they are gone."""
        if message.mime is not None:
            return message.mime
        found = await self._collection.find_one({"_id": message.id}, {"hash": 1})
        return await self._pieces.get(message.id, "mime", found["hash"] if found else "")

    async def drain(self) -> None:
        while self._settling:
            await asyncio.wait(self._settling)

    def _settle(self, message: str, owed: list[Document], events: Sequence[Event]) -> None:
        if not owed:
            return
        task = asyncio.create_task(self._owed.settle(message, owed, events), name="settle owed events")
        self._settling.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[bool]) -> None:
        self._settling.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("owed events left to the sweeper", error=str(error))
