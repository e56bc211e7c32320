"""Published events leave their documents many at a time, and only they."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from nats.aio.client import Client as NatsClient

from services.runtime.mongo import Database
from services.runtime.owed import OwedEvents, owe
from services.runtime.publisher import Publisher
from services.runtime.taking_off import TakingOff
from tests.services.runtime.events import send_accepted
from tests.services.runtime.test_owed import owing, stored


async def test_events_settled_together_are_published_and_taken_off(nc: NatsClient, db: Database) -> None:
    taking_off = TakingOff(db["drafts"])
    owed = OwedEvents(db["drafts"], Publisher(nc.jetstream()), taking_off)
    events = {n: send_accepted(f"r-{n}") for n in range(40)}
    elements = {n: owe(event) for n, event in events.items()}
    await db["drafts"].insert_many([{"_id": n, "owed": [element]} for n, element in elements.items()])
    assert all(await asyncio.gather(*(owed.settle(n, [elements[n]], [events[n]]) for n in events)))
    assert sorted(event.request_id for event in await stored(nc)) == sorted(
        event.request_id for event in events.values()
    )
    assert await owing(db) == 0


async def test_what_the_document_owes_besides_stays(nc: NatsClient, db: Database) -> None:
    early, late = owe(send_accepted("early")), owe(send_accepted("late"))
    await db["drafts"].insert_one({"_id": 1, "owed": [early, late]})
    await TakingOff(db["drafts"], timedelta(0)).put(1, [early["id"]])
    document = await db["drafts"].find_one({"_id": 1})
    assert document is not None
    assert [element["id"] for element in document["owed"]] == [late["id"]]


async def test_closing_waits_for_no_clock_and_leaves_nothing_behind(db: Database) -> None:
    element = owe(send_accepted())
    await db["drafts"].insert_one({"_id": 1, "owed": [element]})
    taking_off = TakingOff(db["drafts"], timedelta(hours=1))
    put = asyncio.create_task(taking_off.put(1, [element["id"]]))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await taking_off.close()
        await put
    assert await owing(db) == 0
