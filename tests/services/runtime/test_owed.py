"""A write and its event cannot part, wherever the process dies between them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from nats.aio.client import Client as NatsClient
from replywire_contracts.streams import SENDS
from replywire_contracts.v1.send import SendAccepted

from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Database
from services.runtime.owed import OwedEvents, owe
from services.runtime.provision import provision_bus
from services.runtime.publisher import Publisher
from tests.services.runtime.events import send_accepted

AT_ONCE = timedelta(seconds=-1)


async def stored(nc: NatsClient) -> list[SendAccepted]:
    js = nc.jetstream()
    state = (await js.stream_info(SENDS.name)).state
    messages = [await js.get_msg(SENDS.name, seq) for seq in range(state.first_seq, state.first_seq + state.messages)]
    return [SendAccepted.decode(message.data or b"") for message in messages]


async def owing(db: Database) -> int:
    return await db["drafts"].count_documents({"owed.0": {"$exists": True}})


@pytest.mark.parametrize("place", ["owed.before_publish", "owed.after_publish"])
async def test_an_event_owed_by_a_killed_process_is_published_by_the_sweeper_once(
    nc: NatsClient, db: Database, nats_url: str, mongodb_url: str, place: str
) -> None:
    command = [sys.executable, "-m", "tests.services.runtime.owing", nats_url, mongodb_url, db.name, "r-killed"]
    killed = await asyncio.to_thread(
        subprocess.run, command, env={**os.environ, "REPLYWIRE_FAILPOINTS": f"{place}=kill"}, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert await owing(db) == 1
    owed = OwedEvents(db["drafts"], Publisher(nc.jetstream()))
    assert await owed.sweep(AT_ONCE) == 1
    assert [event.request_id for event in await stored(nc)] == ["r-killed"]
    assert await owing(db) == 0


async def test_settled_events_are_on_the_stream_in_order_and_no_longer_owed(nc: NatsClient, db: Database) -> None:
    owed = OwedEvents(db["drafts"], Publisher(nc.jetstream()), GroupCommit(db["drafts"]))
    events = [owe(send_accepted(f"r-{n}")) for n in range(3)]
    await db["drafts"].insert_one({"_id": 1, "owed": events})
    assert await owed.settle(1, events)
    assert [event.request_id for event in await stored(nc)] == ["r-0", "r-1", "r-2"]
    assert await owing(db) == 0


async def test_an_event_owed_meanwhile_stays_owed(nc: NatsClient, db: Database) -> None:
    owed = OwedEvents(db["drafts"], Publisher(nc.jetstream()))
    early, late = owe(send_accepted("early")), owe(send_accepted("late"))
    await db["drafts"].insert_one({"_id": 1, "owed": [early]})
    await db["drafts"].update_one({"_id": 1}, {"$push": {"owed": late}})
    assert await owed.settle(1, [early])
    document = await db["drafts"].find_one({"_id": 1})
    assert document is not None
    assert [element["id"] for element in document["owed"]] == [late["id"]]


async def test_while_the_bus_is_away_nothing_is_taken_off_and_later_all_is_published(
    nc: NatsClient, db: Database
) -> None:
    await nc.jetstream().delete_stream(SENDS.name)
    owed = OwedEvents(db["drafts"], Publisher(nc.jetstream(), timeout=1))
    events = [owe(send_accepted())]
    await db["drafts"].insert_one({"_id": 1, "owed": events})
    assert not await owed.settle(1, events)
    assert await owed.sweep(AT_ONCE) == 0
    assert await owing(db) == 1

    await provision_bus(nc, stream_max_bytes=2**20)
    assert await owed.sweep(AT_ONCE) == 1
    assert len(await stored(nc)) == 1


async def test_two_sweepers_at_once_store_each_event_once(nc: NatsClient, db: Database) -> None:
    await db["drafts"].insert_many([{"_id": n, "owed": [owe(send_accepted(f"r-{n}"))]} for n in range(60)])
    sweepers = [OwedEvents(db["drafts"], Publisher(nc.jetstream())) for _ in range(2)]
    await asyncio.gather(*(sweeper.sweep(AT_ONCE) for sweeper in sweepers))
    assert sorted(event.request_id for event in await stored(nc)) == sorted(f"r-{n}" for n in range(60))
    assert await owing(db) == 0


async def test_the_sweeper_leaves_young_ones_to_their_writer(nc: NatsClient, db: Database) -> None:
    await db["drafts"].insert_one({"_id": 1, "owed": [owe(send_accepted())]})
    assert await OwedEvents(db["drafts"], Publisher(nc.jetstream())).sweep() == 0
    assert await stored(nc) == []


async def test_an_event_of_a_newer_version_is_left_to_it_and_holds_up_no_other(nc: NatsClient, db: Database) -> None:
    newer = {**owe(send_accepted("newer")), "kind": "mail.v9.send.teleported"}
    await db["drafts"].insert_one({"_id": 1, "owed": [newer]})
    await db["drafts"].insert_one({"_id": 2, "owed": [owe(send_accepted("ours"))]})
    await OwedEvents(db["drafts"], Publisher(nc.jetstream())).sweep(AT_ONCE)
    assert [event.request_id for event in await stored(nc)] == ["ours"]
    document = await db["drafts"].find_one({"_id": 1})
    assert document is not None
    assert document["owed"][0]["id"] == newer["id"]
