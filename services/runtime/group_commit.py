"""Many coroutines' single writes as one bulk write: a majority write costs a journal flush, whether of one or of 500.

There is no timer: a flush takes all that is pending, and the next one all that gathered meanwhile. Inserts and updates
are two commands to the server, one flush of the journal each: they go side by side. Each caller learns what became of
its own write alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson

from services.runtime.mongo import (
    OUTAGES,
    BulkWriteError,
    Collection,
    Document,
    InsertOne,
    OperationFailure,
    UpdateOne,
    find_latest,
)
from services.runtime.outcomes import Outage

_DUPLICATE_KEY = 11000
_IMMUTABLE_FIELD = 66
_NOBODY = "replywire: matched nothing"


class WriteUnknown(Outage):
    """The database went away in the middle: the update may or may not be stored. Re-read it by its key."""


@dataclass(slots=True, eq=False)
class _Write:
    done: asyncio.Future[bool]
    document: Document
    filter: Mapping[str, Any] | None = None
    """None for an insert."""

    def operation(self) -> InsertOne[Document] | UpdateOne:
        if self.filter is None:
            return InsertOne(self.document)
        # A bulk write tells how many updates matched, not which. An upsert that cannot succeed tells: where nothing
        # matches, inserting would set another _id than the filter's, which the server refuses for that one operation.
        refusal = {**self.document.get("$setOnInsert", {}), "_id": _NOBODY}
        return UpdateOne(self.filter, {**self.document, "$setOnInsert": refusal}, upsert=True)


@dataclass(slots=True, eq=False)
class _Lane:
    pending: list[_Write] = field(default_factory=list)
    flusher: asyncio.Task[None] | None = None


class GroupCommit:
    """The writes of one collection. `close` ends it once everything pending is written."""

    def __init__(self, collection: Collection, max_batch: int = 500) -> None:
        self._collection = collection
        self._max_batch = max_batch
        self._inserts = _Lane()
        self._updates = _Lane()
        self._closed = False

    async def insert(self, document: Document) -> bool:
        """False where the `_id` or another unique key exists. Raises on any other write error."""
        return await self._submit(self._inserts, _Write(asyncio.get_running_loop().create_future(), document))

    async def update(self, filter: Mapping[str, Any], update: Document) -> bool:  # noqa: A002 - MongoDB's word
        """True where `filter` (which must name an `_id`, and hold no `$expr`) matched. `update` is made of operators.

        Raises `WriteUnknown` where the database went away in the middle, and on any other write error."""
        if "_id" not in filter or isinstance(filter["_id"], dict):
            raise ValueError("a grouped update names exactly one document: filter by _id")
        write = _Write(asyncio.get_running_loop().create_future(), update, filter)
        return await self._submit(self._updates, write)

    async def close(self) -> None:
        self._closed = True
        for lane in (self._inserts, self._updates):
            if lane.flusher is not None:
                await lane.flusher

    async def _submit(self, lane: _Lane, write: _Write) -> bool:
        if self._closed:
            raise RuntimeError(f"the writes of {self._collection.name} are closed")
        lane.pending.append(write)
        if lane.flusher is None:
            lane.flusher = asyncio.create_task(self._flush(lane), name=f"group commit {self._collection.name}")
        return await write.done

    async def _flush(self, lane: _Lane) -> None:
        try:
            while lane.pending:
                batch, lane.pending = lane.pending[: self._max_batch], lane.pending[self._max_batch :]
                await self._write([write for write in batch if not write.done.cancelled()])
        except BaseException as error:
            for write in (*batch, *lane.pending):
                _fail(write, WriteUnknown(f"{self._collection.name}: {type(error).__name__}"))
            lane.pending = []
            raise
        finally:
            lane.flusher = None

    async def _write(self, batch: Sequence[_Write]) -> None:
        if not batch:
            return
        try:
            await self._collection.bulk_write([write.operation() for write in batch], ordered=False)
        except BulkWriteError as error:
            await self._settle_each(batch, error.details)
        except OUTAGES as error:
            await self._settle_unknown(batch, error)
        except Exception as error:  # noqa: BLE001 - every waiter must hear of it, whatever it is
            for write in batch:
                _fail(write, error)
        else:
            for write in batch:
                _answer(write, True)

    async def _settle_each(self, batch: Sequence[_Write], details: Mapping[str, Any]) -> None:
        """`details`: the server's errors by the index of their operation, and its doubts about durability."""
        errors = {entry["index"]: entry for entry in details.get("writeErrors", ())}
        unsure: list[_Write] = []
        for index, write in enumerate(batch):
            entry = errors.get(index)
            if entry is None:
                unsure.append(write)
            elif entry["code"] == (_DUPLICATE_KEY if write.filter is None else _IMMUTABLE_FIELD):
                _answer(write, False)
            elif write.filter is not None and not await self._matches(write.filter):
                _answer(write, False)  # refused for the fields its filter would have given the new document
            else:
                _fail(write, OperationFailure(entry.get("errmsg", ""), entry["code"]))
        doubts = details.get("writeConcernErrors", ())
        if doubts:
            await self._settle_unknown(unsure, Outage(f"write concern: {doubts[0].get('code')}"))
        else:
            for write in unsure:
                _answer(write, True)

    async def _matches(self, filter: Mapping[str, Any]) -> bool:  # noqa: A002 - MongoDB's word
        return await find_latest(self._collection, dict(filter), {"_id": 1}) is not None

    async def _settle_unknown(self, batch: Sequence[_Write], cause: Exception) -> None:
        """An insert is looked up and repeated; of an update only its caller can tell, by reading what it wrote."""
        inserts: list[_Write] = []
        for write in batch:
            if write.filter is None:
                inserts.append(write)
            else:
                _fail(write, WriteUnknown(f"{self._collection.name}: {cause}"))
        for write in inserts:
            try:
                _answer(write, await self._insert_once_more(write.document))
            except Exception as error:  # noqa: BLE001 - every waiter must hear of its own
                _fail(write, error)

    async def _insert_once_more(self, document: Document) -> bool:
        try:
            await self._collection.insert_one(document)
        except OperationFailure as error:
            if error.code != _DUPLICATE_KEY:
                raise
            stored = await find_latest(self._collection, {"_id": document["_id"]})
            return stored is not None and stored == _as_stored(self._collection, document)
        return True


def _as_stored(collection: Collection, document: Document) -> Document:
    options = collection.codec_options
    result: Document = bson.decode(bson.encode(document, codec_options=options), codec_options=options)
    return result


def _answer(write: _Write, answer: bool) -> None:
    if not write.done.done():
        write.done.set_result(answer)


def _fail(write: _Write, error: Exception) -> None:
    if not write.done.done():
        write.done.set_exception(error)
