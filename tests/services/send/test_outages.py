"""What send stands on goes away under it: outcomes wait and are not lost, work in flight is drained, hosts are left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from replywire_contracts.v1.rpc import LeaseCredentials
from replywire_contracts.v1.send import SendDeferred, SendSent

from services.providers.errors import Scope, Transient
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.servers.choice import RunningServer
from tests.services.send.world import LIN, World, a_world, times_sent


async def test_an_outcome_learnt_while_the_database_is_away_is_kept(nats_url: str, own_mongod: RunningServer) -> None:
    async with a_world(nats_url, own_mongod.url, "send_outages") as world, world.replica():
        account = await world.connect()
        answering = asyncio.Event()
        WORLD.misbehave(Step.ANSWER, answering)
        await world.send(account, "r-1")
        await world.until("r-1", state="committing")
        await own_mongod.stop()
        answering.set()
        await asyncio.sleep(1)  # the outcome is known, and there is nowhere to write it
        assert not world.heard.of(SendSent)
        await own_mongod.start()
        await world.heard.wait(SendSent, request_id="r-1")
        await world.send(account, "r-2")
        await world.heard.wait(SendSent, request_id="r-2")
        assert sorted(times_sent().values()) == [1, 1]


async def test_stopping_finishes_what_is_under_way_and_leaves_the_rest(world: World) -> None:
    answering = asyncio.Event()
    async with world.replica() as app:
        account = await world.connect()
        WORLD.misbehave(Step.ANSWER, *[answering] * 4)
        for number in range(12):
            await world.send(account, f"r-{number}")
        async with asyncio.timeout(20):
            while len(WORLD.ledger) < 4:
                await asyncio.sleep(0.02)
        app.stop()
        await asyncio.sleep(0.2)
        answering.set()
    states = [document["state"] async for document in world.database["messages"].find({"attempts": {"$gt": 0}})]
    assert not {"committing", "unknown"}.intersection(states)
    assert states.count("sent") >= 4
    async with world.replica():
        await world.heard.wait(SendSent, count=12)
    assert sorted(times_sent().values()) == [1] * 12


async def test_without_credentials_the_mailbox_waits_and_goes_on_by_itself(sending: World) -> None:
    account = await sending.connect()
    sending.neighbours.away.add(LeaseCredentials)
    await sending.send(account, "r-1")
    async with sending.api() as api, asyncio.timeout(30):
        while not (view := (await api.get(f"/v1/sending/mailboxes/{account}")).json())["waits_for"]:
            await asyncio.sleep(0.05)
    assert view["waits_for"]["reason"] == "waiting_for_auth"
    sending.neighbours.away.clear()
    await sending.heard.wait(SendSent, request_id="r-1")


async def test_a_host_that_turns_one_mailbox_away_is_left_alone_by_its_others(sending: World) -> None:
    ada, lin = await sending.connect(), await sending.connect(LIN)
    pause = timedelta(seconds=1)
    WORLD.misbehave(Step.LOGIN, Transient("too_many", code="421 4.7.0", retry_after=pause, scope=Scope.HOST))
    await sending.send(ada, "r-1")
    [deferred] = await sending.heard.wait(SendDeferred, request_id="r-1")
    await sending.send(lin, "r-2")
    [other] = await sending.heard.wait(SendSent, request_id="r-2")
    assert other.occurred_at >= deferred.occurred_at + pause
    await sending.heard.wait(SendSent, request_id="r-1")


async def test_a_wake_up_that_a_crash_swallowed_is_found(world: World) -> None:
    async with world.replica(heal_seconds=0.3):
        account = await world.connect()
        later = datetime.now(UTC) + timedelta(hours=1)
        await world.send(account, "r-1", send_at=later)
        await world.until("r-1", state="queued")
        async with asyncio.timeout(20):
            while not await world.database["mailboxes"].find_one(
                {"_id": account, "next_due": {"$gt": datetime.now(UTC)}}
            ):
                await asyncio.sleep(0.05)
        await world.database["mailboxes"].update_one({"_id": account}, {"$unset": {"next_due": ""}})
        await world.database["messages"].update_one({"request_id": "r-1"}, {"$set": {"due": datetime.now(UTC)}})
        await world.heard.wait(SendSent, request_id="r-1")
