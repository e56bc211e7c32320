"""What goes wrong around the queue loses nothing: times, failures of ours, and a team that asks for too much."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from replywire_contracts.v1.send import SendAccepted, SendFailed, SendUnconfirmed
from replywire_contracts.v1.values import Body

from services.runtime.paging import encode_cursor
from tests.services.send.external_world import TAKE, external_account, worker
from tests.services.send.world import OTHER_KEY, World, a_world

LARGE = Body(text="x" * 200_000)
EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.fixture
async def strict(nats_url: str, mongodb_url: str, mongodb_database: str) -> AsyncIterator[World]:
    """One silent taker is enough."""
    async with a_world(nats_url, mongodb_url, mongodb_database, external_lapses=1) as world, world.replica():
        yield world


async def resolve(world: World, request_id: str) -> dict[str, Any]:
    async with world.api() as api:
        answer = await api.post(f"/v1/messages/{request_id}/resolve", json={"decision": "resend"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_its_last_time_is_kept_through_silence_and_a_resend(strict: World) -> None:
    account = await external_account(strict)
    over = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    await strict.send(account, "r-1", expires_at=over)
    async with worker(strict) as code:
        await code.one(lease=1)
        await strict.heard.wait(SendUnconfirmed, request_id="r-1")
        assert (await resolve(strict, "r-1"))["state"] == "queued"
        lease, message = await code.one()
        assert datetime.fromisoformat(message["expires_at"]) == over
        await code.told("r-1", "release", lease, retry_in_seconds=60)
    past = {"$set": {"expires": datetime.now(UTC), "expires_at": datetime.now(UTC)}}
    await strict.database["messages"].update_one({"_id": "acme:r-1"}, past)
    [failed] = await strict.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.reason == "expired"


async def test_what_expired_while_nobody_could_confirm_it_is_not_sent_again(strict: World) -> None:
    account = await external_account(strict)
    await strict.send(account, "r-1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    async with worker(strict) as code:
        await code.one(lease=1)
        await strict.heard.wait(SendUnconfirmed, request_id="r-1")
        past = {"$set": {"expires_at": datetime.now(UTC)}}
        await strict.database["messages"].update_one({"_id": "acme:r-1"}, past)
        found = await resolve(strict, "r-1")
        assert (found["state"], found["failure"]["reason"]) == ("failed", "expired")
        assert (await code.take(wait=0))["messages"] == []
    await strict.heard.wait(SendFailed, request_id="r-1")


async def test_a_standing_decision_to_resend_ends_with_its_time(strict: World) -> None:
    account = await external_account(strict)
    async with worker(strict) as code:
        await code.api.put("/v1/sending/settings", json={"unconfirmed": "resend"})
        await strict.send(account, "r-1", expires_at=datetime.now(UTC) + timedelta(seconds=5))
        await code.one(lease=1)
    [failed] = await strict.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.reason == "expired"


async def test_a_failure_told_again_does_not_take_a_resend_from_the_queue(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1")
    async with worker(sending) as code:
        await code.one(lease=1)
        second, _ = await code.one(wait=20)
        assert (await code.told("r-1", "failed", second))["state"] == "unconfirmed"
        await resolve(sending, "r-1")
        again = await code.told("r-1", "failed", second)
        assert (again["heard"], again["state"]) == ("known", "queued")
        third, _ = await code.one()
        again = await code.told("r-1", "failed", second)
        assert (again["heard"], again["state"]) == ("known", "handed_out")
        assert (await code.told("r-1", "release", third))["state"] == "queued"


async def test_what_fails_after_taking_leaves_nothing_with_nobody(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "small")
    await sending.send(account, "large", text=LARGE)
    await sending.heard.wait(SendAccepted, count=2)
    pieces = sending.database["pieces"]
    [piece] = [each async for each in pieces.find({"message": "acme:large", "_id": {"$regex": "#mime#"}})]
    await pieces.update_one({"_id": piece["_id"]}, {"$set": {"data": "not octets"}})
    async with worker(sending) as code:
        async with asyncio.timeout(20):
            while await sending.database["messages"].count_documents({"offer.ready": True}) < 2:
                await asyncio.sleep(0.02)
        answer = await code.api.post(TAKE, json={"max": 10, "lease_seconds": 3600})
        assert answer.status_code == 500, "what is stored is damaged"
        await pieces.update_one({"_id": piece["_id"]}, {"$set": {"data": piece["data"]}})
        taken: set[str] = set()
        async with asyncio.timeout(30):
            while len(taken) < 2:
                taken |= {each["request_id"] for each in (await code.take(10, wait=10))["messages"]}
    assert taken == {"small", "large"}


async def test_where_the_octets_of_one_are_gone_the_others_are_given_out(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "large", text=LARGE)
    await sending.heard.wait(SendAccepted, request_id="large")
    await sending.database["pieces"].delete_many({})
    async with worker(sending) as code:
        _, message = await code.one()
        assert message["mime"] is None
        raw = await code.api.get("/v1/external/messages/large/raw")
    assert (raw.status_code, raw.json()["code"]) == (404, "octets_gone")


async def test_the_hundred_and_first_taker_does_not_make_a_silent_one_forgotten(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1", send_at=datetime.now(UTC) + timedelta(hours=1))
    await sending.heard.wait(SendAccepted, request_id="r-1")
    now = datetime.now(UTC)

    def given(lease: str, report: str | None) -> dict[str, Any]:
        return {"lease": lease, "by": "key-acme", "at": now, "report": report}

    before = [given("silent", None), given("given-up", "given_up"), given("failed", "failed")]
    before += [given(f"released-{number}", "released") for number in range(97)]
    change = {"offer.given": before, "offer.unheard": 1, "offer.at": now, "offer.ready": True}
    messages = sending.database["messages"]
    await messages.update_one({"_id": "acme:r-1"}, {"$set": change})
    async with worker(sending) as code:
        lease, _ = await code.one()
        stored = await messages.find_one({"_id": "acme:r-1"})
        assert stored is not None
        leases = [each["lease"] for each in stored["offer"]["given"]]
        kept = [each["lease"] for each in before]
        assert leases == [*kept[:3], *kept[4:], lease], "the first that was given back is forgotten"
        assert (await code.told("r-1", "sent", "silent"))["heard"] == "late"


async def test_one_team_cannot_hold_all_the_room_to_wait(world: World) -> None:
    async with world.replica(external_waiting=25), contextlib.AsyncExitStack() as open_:
        await external_account(world)
        await external_account(world, address="lin@example.net", team="globex")
        code = await open_.enter_async_context(worker(world))
        foreign = await open_.enter_async_context(worker(world, OTHER_KEY))
        asked = {"wait_seconds": 20}
        waiting = [asyncio.create_task(code.api.post(TAKE, json=asked)) for _ in range(24)]
        async with asyncio.timeout(15):
            done: set[Any] = set()
            while len(done) < 4:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=0.1)
        refused = [each.result() for each in done]
        assert {(each.status_code, each.json()["code"]) for each in refused} == {(429, "too_many_waiting")}
        assert all(each.headers["Retry-After"] for each in refused)
        assert (await foreign.take(wait=0.5))["messages"] == [], "there is room for others"
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("at", EDGES)
async def test_a_time_that_utc_has_no_year_for_is_refused_by_its_field(at: str, sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1")
    async with worker(sending) as code:
        lease, _ = await code.one()
        single = await code.tell("r-1", "sent", lease, sent_at=at)
        report = {"request_id": "r-1", "lease": lease, "outcome": "sent", "sent_at": at}
        several = await code.api.post("/v1/external/messages/reports", json={"reports": [report]})
        listed = await code.api.get("/v1/messages", params={"since": at})
        cursor = {"cursor": encode_cursor({"at": at, "id": "acme:r-1"})}
        pages = [await code.api.get(path, params=cursor) for path in ("/v1/external/messages", "/v1/messages")]
    told = [(each.status_code, each.json()["field"].rpartition(".")[2]) for each in (single, several, listed, *pages)]
    assert told == [(422, "sent_at"), (422, "sent_at"), (422, "since"), (400, "cursor"), (400, "cursor")]
    assert all(each.json()["remedy"] for each in (single, several, listed, *pages))


async def test_a_message_over_which_reply_matching_breaks_keeps_no_other_from_being_taken(sending: World) -> None:
    sending.neighbours.breaks_over.add("r-1")
    account = await external_account(sending)
    for number in range(5):
        await sending.send(account, f"r-{number}")
    async with worker(sending) as code:
        taken: set[str] = set()
        while len(taken) < 4:
            taken |= {message["request_id"] for message in (await code.take(5, wait=20))["messages"]}
        assert taken == {"r-0", "r-2", "r-3", "r-4"}
        sending.neighbours.breaks_over.clear()
        [last] = (await code.take(5, wait=20))["messages"]
    assert last["request_id"] == "r-1"
