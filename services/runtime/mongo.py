"""MongoDB, and the only importer of its driver, motor. Uses what motor and PyMongo's own async API share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import InsertOne, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern

from services.runtime.settings import RuntimeSettings

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection, AsyncIOMotorDatabase

Document = dict[str, Any]
if TYPE_CHECKING:
    Client = AsyncIOMotorClient[Document]
    Database = AsyncIOMotorDatabase[Document]
    Collection = AsyncIOMotorCollection[Document]
    Session = AsyncIOMotorClientSession
else:
    Client = AsyncIOMotorClient
    from motor.motor_asyncio import (
        AsyncIOMotorClientSession as Session,
    )
    from motor.motor_asyncio import (
        AsyncIOMotorCollection as Collection,
    )
    from motor.motor_asyncio import (
        AsyncIOMotorDatabase as Database,
    )

DuplicateKey = DuplicateKeyError
T = TypeVar("T")

OUTAGES: tuple[type[PyMongoError], ...] = (ConnectionFailure, ExecutionTimeout, WriteConcernError, WTimeoutError)
"""The database is away or unsure; the write may or may not be stored. Re-read by key, then try again."""

_LATEST_WITHIN_MS = 10_000

__all__ = (
    "OUTAGES", "AutoReconnect", "BulkWriteError", "Client", "CodecOptions", "Collection", "ConnectionFailure",
    "Database", "Document", "DuplicateKey", "InsertOne", "NetworkTimeout", "NotPrimaryError", "OperationFailure",
    "PyMongoError", "ServerSelectionTimeoutError", "Session", "UpdateOne", "WriteConcernError", "connect",
    "find_latest", "open_client", "with_transaction",
)  # fmt: skip


def open_client(url: str, *, name: str = "replywire") -> Client:
    """Every write is majority and journalled, every time is aware UTC. Connects when first used."""
    return AsyncIOMotorClient(
        url,
        appname=name,
        tz_aware=True,
        w="majority",
        journal=True,
        wTimeoutMS=10_000,
        readConcernLevel="majority",
        retryWrites=True,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=30_000,
    )


def connect(settings: RuntimeSettings) -> tuple[Client, Database]:
    client = open_client(settings.mongodb_url, name=f"replywire-{settings.service}")
    return client, client[settings.mongodb_database]


async def find_latest(collection: Collection, query: Document, fields: Document | None = None) -> Document | None:
    """The document as it is after every write before this call, one of unknown outcome included: a majority read may
    still show it as it was before. For doubts only; it costs a round through the journal. Raises one of `OUTAGES`."""
    latest = collection.with_options(read_concern=ReadConcern("linearizable"))
    found: Document | None = await latest.find_one(query, fields, max_time_ms=_LATEST_WITHIN_MS)
    return found


async def with_transaction(client: Client, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
    """Run `work(session)` as one transaction; it is run again where MongoDB asks for it, so it must bear that.

    Every operation inside must be given `session=session`."""
    async with await client.start_session() as session:
        result: T = await session.with_transaction(work, read_concern=ReadConcern("snapshot"))
        return result
