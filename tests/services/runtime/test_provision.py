"""Provisioning creates what is declared, changes what differs, and can be run again at will."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client as NatsClient
from nats.js import api
from replywire_contracts.streams import BODIES, BUCKETS, CONSUMERS, SENDS, STREAMS

from deploy.embedded.nats_server import NatsServer
from services.runtime import provision
from services.runtime.mongo import Client, Database, DuplicateKey
from services.runtime.permissions import SERVICES, consumers_of
from services.runtime.provision import create_indexes, provision_bus
from tests.servers.choice import RunningServer
from tests.services.runtime.conftest import STREAM_BYTES
from tests.services.runtime.events import send_accepted


async def test_every_declared_stream_consumer_and_bucket_exists_as_declared(nc: NatsClient) -> None:
    js = nc.jetstream()
    for stream in STREAMS:
        config = (await js.stream_info(stream.name)).config
        assert config.subjects == list(stream.subjects)
        assert config.retention == ("workqueue" if stream.retention == "workqueue" else "limits")
        assert config.max_age == stream.max_age.total_seconds()
        assert config.duplicate_window == stream.duplicate_window.total_seconds()
        assert config.discard == stream.discard
        assert config.max_msg_size == stream.max_message_size
        assert config.storage == api.StorageType.FILE
    for consumer in CONSUMERS:
        found = (await js.consumer_info(consumer.stream.name, consumer.durable)).config
        assert found.ack_policy == api.AckPolicy.EXPLICIT
        assert found.ack_wait == consumer.ack_wait.total_seconds()
        assert found.max_deliver == consumer.max_deliver
        assert (found.filter_subjects or [found.filter_subject]) == list(consumer.subjects)
    for bucket in BUCKETS:
        status = await (await js.object_store(bucket.name)).status()
        assert status.ttl == bucket.ttl.total_seconds()


async def test_running_it_again_keeps_every_message_and_place(nc: NatsClient) -> None:
    js = nc.jetstream()
    event = send_accepted()
    await js.publish(event.nats_subject, event.encode())
    ref = await (await js.object_store(BODIES.name)).put("kept", b"body")
    await provision_bus(nc, stream_max_bytes=STREAM_BYTES)
    assert (await js.stream_info(SENDS.name)).state.messages == 1
    assert (await (await js.object_store(BODIES.name)).get(ref.name)).data == b"body"


async def test_a_changed_declaration_changes_what_exists(nc: NatsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dataclasses.replace(SENDS, max_age=SENDS.max_age * 2, description="kept for longer")
    monkeypatch.setattr(provision, "STREAMS", (changed,))
    await provision_bus(nc, stream_max_bytes=STREAM_BYTES)
    config = (await nc.jetstream().stream_info(SENDS.name)).config
    assert config.max_age == changed.max_age.total_seconds()
    assert config.description == "kept for longer"


async def test_two_at_once_do_not_fail(own_nats: RunningServer) -> None:
    connections = [await nats.connect(own_nats.url) for _ in range(3)]
    await asyncio.gather(*(provision_bus(connection, stream_max_bytes=STREAM_BYTES) for connection in connections))
    for connection in connections:
        await connection.close()


@pytest.mark.usefixtures("embedded_only")
async def test_a_small_disk_gets_smaller_streams_rather_than_none(tmp_path: Path) -> None:
    account = "accounts { A { users: [{user: a, password: b}], jetstream { max_file: 400M, max_mem: 1M } } }"
    server = NatsServer(tmp_path, authorization=f"{account}\nno_auth_user: a")
    await server.start()
    connection = await nats.connect(server.url)
    js = connection.jetstream()
    for _ in range(2):
        await provision_bus(connection)
        sizes = [(await js.stream_info(stream.name)).config.max_bytes or 0 for stream in STREAMS]
        assert len(set(sizes)) == 1
        assert 0 < sum(sizes) <= 400_000_000
    await connection.close()
    await server.stop()


async def test_indexes_are_made_as_declared_and_made_anew_where_they_differ(client: Client, db: Database) -> None:
    await create_indexes(client, db.name, {"drafts": [{"keys": [("team", 1), ("at", -1)]}, {"keys": [("key", 1)]}]})
    await db["drafts"].insert_one({"key": 1})
    unique = {"drafts": [{"keys": [("key", 1)], "unique": True}, {"keys": [("owed.at", 1)], "sparse": True}]}
    for _ in range(2):
        await create_indexes(client, db.name, unique)
    indexes = await db["drafts"].index_information()
    assert set(indexes) == {"_id_", "team_1_at_-1", "key_1", "owed.at_1"}
    with pytest.raises(DuplicateKey):
        await db["drafts"].insert_one({"key": 1})


async def test_an_index_that_keeps_its_name_and_changes_its_time_to_live_is_made_anew(
    client: Client, db: Database
) -> None:
    for seconds in (60, 120):
        index = {"keys": [("at", 1)], "name": "expiry", "expireAfterSeconds": seconds}
        await create_indexes(client, db.name, {"finds": [index]})
    assert (await db["finds"].index_information())["expiry"]["expireAfterSeconds"] == 120


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_with_consumers_also_hears_what_the_server_gave_up(service: str) -> None:
    own = [consumer for consumer in CONSUMERS if consumer.service == service]
    advised = [consumer for consumer in consumers_of(service) if consumer.durable == f"{service}-advisories"]
    assert len(advised) == bool(own)
    for consumer in own:
        assert any(subject.endswith(f".{consumer.stream.name}.{consumer.durable}") for subject in advised[0].subjects)
