"""The bus and the database killed under load: nothing is lost, nothing is buried, nothing is announced twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import nats
from nats.aio.client import Client as NatsClient
from replywire_contracts.streams import CONSUMERS, DEAD_LETTERS, SEND_REQUESTS, SENDS
from replywire_contracts.v1.send import SendAccepted, SendRequested

from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.mongo import Database, Document, DuplicateKey
from services.runtime.owed import OwedEvents, owe
from services.runtime.provision import provision_bus
from services.runtime.publisher import Publisher
from services.runtime.settings import RuntimeSettings
from tests.servers.choice import RunningServer
from tests.services.runtime.conftest import STREAM_BYTES, running
from tests.services.runtime.events import send_accepted, send_requested

Settings = Callable[..., RuntimeSettings]
REQUESTED = next(consumer for consumer in CONSUMERS if consumer.durable == "send-requested")
EVENTS = 150


async def test_a_database_killed_under_load_costs_no_event(
    nc: NatsClient, own_mongod: RunningServer, settings: Settings
) -> None:
    app, handled = App(settings(mongodb_url=own_mongod.url)), 0

    @consume(app, REQUESTED, SendRequested, concurrency=16)
    async def on_send_requested(event: SendRequested) -> None:
        nonlocal handled
        with contextlib.suppress(DuplicateKey):  # its first answer was cut off
            await app.db["drafts"].insert_one({"_id": event.request_id})
        handled += 1

    async with running(app), asyncio.timeout(120):
        publisher = Publisher(nc.jetstream())
        events = [send_requested() for _ in range(EVENTS)]
        await asyncio.gather(*(publisher.publish(event) for event in events[:50]))
        own_mongod.kill()
        await asyncio.gather(*(publisher.publish(event) for event in events[50:]))
        await own_mongod.start()
        while (await nc.jetstream().stream_info(SEND_REQUESTS.name)).state.messages:
            await asyncio.sleep(0.1)
        assert await app.db["drafts"].count_documents({}) == EVENTS
    assert (await nc.jetstream().stream_info(DEAD_LETTERS.name)).state.messages == 0
    info = await nc.jetstream().consumer_info(SEND_REQUESTS.name, REQUESTED.durable)
    assert info.num_redelivered == 0


async def test_a_bus_killed_while_events_are_settled_stores_each_once(own_nats: RunningServer, db: Database) -> None:
    connection = await nats.connect(own_nats.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    await provision_bus(connection, stream_max_bytes=STREAM_BYTES)
    owed = OwedEvents(db["drafts"], Publisher(connection.jetstream(), timeout=2))
    documents: list[Document] = [{"_id": n, "owed": [owe(send_accepted(f"r-{n}"))]} for n in range(EVENTS)]
    await db["drafts"].insert_many(documents)

    async def settle_some(start: int) -> None:
        for document in documents[start::10]:
            await owed.settle(document["_id"], document["owed"])

    settling = [asyncio.create_task(settle_some(n)) for n in range(10)]
    async with asyncio.timeout(100):
        while await db["drafts"].count_documents({"owed": []}) < 20:
            await asyncio.sleep(0.001)
        own_nats.kill()
        await own_nats.start()
        await asyncio.gather(*settling)
        while await db["drafts"].count_documents({"owed.0": {"$exists": True}}):
            await owed.sweep(timedelta(seconds=-1))
    js = connection.jetstream()
    state = (await js.stream_info(SENDS.name)).state
    stored = [await js.get_msg(SENDS.name, seq) for seq in range(state.first_seq, state.last_seq + 1)]
    counts = Counter(SendAccepted.decode(message.data or b"").request_id for message in stored)
    assert counts == Counter(f"r-{n}" for n in range(EVENTS))
    await connection.close()


async def test_a_bus_killed_under_load_delivers_each_event_in_the_end(
    own_nats: RunningServer, settings: Settings, db: Database
) -> None:
    connection = await nats.connect(own_nats.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    await provision_bus(connection, stream_max_bytes=STREAM_BYTES)
    app, handled = App(settings(nats_url=own_nats.url)), Counter[str]()

    @consume(app, REQUESTED, SendRequested, concurrency=8)
    async def on_send_requested(event: SendRequested) -> None:
        await asyncio.sleep(0.01)
        handled[event.request_id] += 1

    publisher = Publisher(connection.jetstream(), timeout=30)
    events = [send_requested() for _ in range(EVENTS)]
    await asyncio.gather(*(publisher.publish(event) for event in events))
    async with running(app), asyncio.timeout(120):
        while len(handled) < 30:
            await asyncio.sleep(0.001)
        own_nats.kill()
        await own_nats.start()
        while len(handled) < EVENTS:
            await asyncio.sleep(0.05)
        while (await connection.jetstream().stream_info(SEND_REQUESTS.name)).state.messages:
            await asyncio.sleep(0.1)
    assert (await connection.jetstream().stream_info(DEAD_LETTERS.name)).state.messages == 0
    await connection.close()
