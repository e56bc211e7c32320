"""Creates what the services stand on: streams, consumers, object stores, indexes. Run before them, and again at will.

`python -m services.runtime.provision`. What is declared and differs is updated; what is not declared is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client as NatsClient
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, BadRequestError, BucketNotFoundError, NotFoundError
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from replywire_contracts.streams import BUCKETS, STREAMS, Bucket, Consumer, Stream

from services.runtime import idempotency, logging
from services.runtime.mongo import Client, Document, OperationFailure, open_client
from services.runtime.permissions import PROVISION, SERVICES, consumers_of

_INSUFFICIENT_STORAGE = 10047
_SMALLEST_STREAM = 8 * 2**20
_INDEX_DIFFERS = (85, 86)  # IndexOptionsConflict, IndexKeySpecsConflict

_log = logging.get_logger(__name__)


class ProvisionSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="REPLYWIRE_", frozen=True, extra="ignore", env_ignore_empty=True)

    nats_url: str = Field(default="nats://127.0.0.1:4222", repr=False)
    nats_user: str | None = None
    nats_password: str | None = Field(default=None, repr=False)
    nats_creds: Path | None = None
    nats_replicas: int = Field(default=1, ge=1, le=5, description="Copies of each stream: 3 in a cluster of three")
    mongodb_url: str = Field(default="mongodb://127.0.0.1:27017/?replicaSet=rs0", repr=False)
    stream_max_bytes: int | None = Field(default=None, description="No stream may be larger, whatever is declared")
    ack_wait_seconds: float | None = Field(
        default=None, ge=3, description="What a silent service was working on is given to another after this"
    )


async def provision(
    nats_url: str,
    mongodb_url: str,
    *,
    user: str | None = None,
    password: str | None = None,
    creds: Path | None = None,
    replicas: int = 1,
    stream_max_bytes: int | None = None,
    ack_wait_seconds: float | None = None,
) -> None:
    """Everything. `ack_wait_seconds`: the declared times where None; services learn it at their start.

    Raises what the servers say where they refuse."""
    nc = await nats.connect(
        [url.strip() for url in nats_url.split(",")],
        user=user,
        password=password,
        user_credentials=str(creds) if creds else None,
        inbox_prefix=f"_INBOX_{PROVISION}",
        connect_timeout=5,
        max_reconnect_attempts=10,
    )
    try:
        await provision_bus(nc, replicas=replicas, stream_max_bytes=stream_max_bytes, ack_wait_seconds=ack_wait_seconds)
    finally:
        await nc.close()
    client = open_client(mongodb_url, name="replywire-provision")
    try:
        await provision_database(client)
    finally:
        client.close()


async def provision_bus(
    nc: NatsClient, *, replicas: int = 1, stream_max_bytes: int | None = None, ack_wait_seconds: float | None = None
) -> None:
    js = nc.jetstream(timeout=10)
    await _streams(js, replicas, stream_max_bytes)
    for service in SERVICES:
        for consumer in consumers_of(service):
            await js.add_consumer(consumer.stream.name, consumer_config(consumer, ack_wait_seconds))
    for bucket in BUCKETS:
        await _bucket(js, bucket, replicas)


async def _streams(js: JetStreamContext, replicas: int, stream_max_bytes: int | None) -> None:
    """A small disk gets smaller streams rather than none: the server reserves what is declared."""
    existing = {info.config.name: info.config for info in await js.streams_info()}
    share = 1
    while True:
        try:
            for stream in STREAMS:
                most = min(stream.max_bytes, stream_max_bytes or stream.max_bytes)
                await _stream(js, stream, replicas, most, share, existing.get(stream.name))
            return
        except APIError as error:
            share *= 2
            if error.err_code != _INSUFFICIENT_STORAGE or STREAMS[0].max_bytes // share < _SMALLEST_STREAM:
                raise
            _log.warning("not enough room for the declared streams, smaller ones are tried", share=f"1/{share}")


async def _stream(
    js: JetStreamContext, stream: Stream, replicas: int, most: int, share: int, existing: api.StreamConfig | None
) -> None:
    if existing is None:
        config = _stream_config(stream, replicas, most // share)
        try:
            await js.add_stream(config)
        except BadRequestError:
            await js.update_stream(config)  # made a moment ago: by the first try of this run, or by another's
        return
    try:
        await js.update_stream(_stream_config(stream, replicas, most))
    except APIError as error:
        if error.err_code != _INSUFFICIENT_STORAGE:
            raise
        # It holds messages, so it is not made smaller either.
        await js.update_stream(_stream_config(stream, replicas, existing.max_bytes or most))


def _stream_config(stream: Stream, replicas: int, max_bytes: int) -> api.StreamConfig:
    return api.StreamConfig(
        name=stream.name,
        description=stream.description,
        subjects=list(stream.subjects),
        retention=api.RetentionPolicy.WORK_QUEUE if stream.retention == "workqueue" else api.RetentionPolicy.LIMITS,
        max_age=stream.max_age.total_seconds(),
        max_bytes=max_bytes,
        max_msg_size=stream.max_message_size,
        discard=api.DiscardPolicy.NEW if stream.discard == "new" else api.DiscardPolicy.OLD,
        duplicate_window=stream.duplicate_window.total_seconds(),
        storage=api.StorageType.FILE,
        num_replicas=replicas,
        allow_direct=True,
    )


def consumer_config(consumer: Consumer, ack_wait_seconds: float | None = None) -> api.ConsumerConfig:
    return api.ConsumerConfig(
        name=consumer.durable,
        durable_name=consumer.durable,
        description=f"{consumer.service}'s place",
        deliver_policy=api.DeliverPolicy.ALL,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=ack_wait_seconds or consumer.ack_wait.total_seconds(),
        max_deliver=consumer.max_deliver,
        max_ack_pending=consumer.max_ack_pending,
        filter_subjects=list(consumer.subjects),
    )


async def _bucket(js: JetStreamContext, bucket: Bucket, replicas: int) -> None:
    try:
        await js.object_store(bucket.name)
    except (BucketNotFoundError, NotFoundError):
        await js.create_object_store(
            bucket.name,
            config=api.ObjectStoreConfig(
                description=bucket.description, ttl=bucket.ttl.total_seconds(), replicas=replicas
            ),
        )


async def provision_database(client: Client, *, databases: Mapping[str, str] | None = None) -> None:
    """The indexes each service declares in its `adapters/indexes.py`, and those of what the runtime keeps for it;
    `databases` renames `replywire_<service>`."""
    for service in SERVICES:
        module = f"services.{service}.adapters.indexes"
        if find_spec(module) is None:
            continue
        indexes: Mapping[str, Sequence[Document]] = import_module(module).INDEXES
        kept = {idempotency.COLLECTION: [idempotency.INDEX]}
        await create_indexes(client, (databases or {}).get(service, f"replywire_{service}"), {**indexes, **kept})


async def create_indexes(client: Client, database: str, indexes: Mapping[str, Iterable[Document]]) -> None:
    """`{"collection": [{"keys": [("team", 1)], "unique": True}, ...]}`, options as in MongoDB's createIndex."""
    for collection, wanted in indexes.items():
        for index in wanted:
            options = {name: value for name, value in index.items() if name != "keys"}
            await _index(client[database][collection], [tuple(key) for key in index["keys"]], options)


async def _index(collection: Any, keys: list[tuple[str, Any]], options: Document) -> None:
    options.setdefault("name", "_".join(f"{field}_{order}" for field, order in keys))
    try:
        await collection.create_index(keys, **options)
    except OperationFailure as error:
        if error.code not in _INDEX_DIFFERS:
            raise
        _log.warning("index differs, made anew", collection=collection.name, index=options["name"])
        for name, existing in (await collection.index_information()).items():
            if name == options["name"] or [tuple(key) for key in existing["key"]] == keys:
                await collection.drop_index(name)
        await collection.create_index(keys, **options)


def main() -> None:
    logging.configure("INFO", service=PROVISION)
    settings = ProvisionSettings()
    asyncio.run(
        provision(
            settings.nats_url,
            settings.mongodb_url,
            user=settings.nats_user,
            password=settings.nats_password,
            creds=settings.nats_creds,
            replicas=settings.nats_replicas,
            stream_max_bytes=settings.stream_max_bytes,
            ack_wait_seconds=settings.ack_wait_seconds,
        )
    )


if __name__ == "__main__":
    main()
