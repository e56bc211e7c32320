"""What a team decides once for all about messages that its code took and never reported, and what is heard later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from replywire_contracts.v1.send import SendFailed, SendSent, SendUnconfirmed

from tests.services.send.external_world import Worker, external_account, octets, worker
from tests.services.send.world import World, a_world

ENDED = "replywire_external_resends_ended_total"


@pytest.fixture
async def stopped(nats_url: str, mongodb_url: str, mongodb_database: str) -> AsyncIterator[World]:
    """One silent taker is enough, and one resend all that a standing decision gives. No process is there yet."""
    changes = {"external_lapses": 1, "external_resends": 1}
    async with a_world(nats_url, mongodb_url, mongodb_database, **changes) as world:
        yield world


@pytest.fixture
async def once(stopped: World) -> AsyncIterator[World]:
    async with stopped.replica():
        yield stopped


async def decide(code: Worker, policy: str) -> None:
    answer = await code.api.put("/v1/sending/settings", json={"unconfirmed": policy})
    assert answer.status_code == 200, answer.text


async def becomes(world: World, request_id: str, state: str, app: int = 0) -> dict[str, Any]:
    async with asyncio.timeout(30), worker(world, app=app) as code:
        while (found := (await code.api.get(f"/v1/messages/{request_id}")).json())["state"] != state:
            await asyncio.sleep(0.05)
    whole: dict[str, Any] = found
    return whole


async def test_resend_offers_the_same_octets_some_times_and_then_a_person_must_look(
    once: World, caplog: pytest.LogCaptureFixture
) -> None:
    before = REGISTRY.get_sample_value(ENDED) or 0
    account = await external_account(once)
    async with worker(once) as code:
        await decide(code, "resend")
        await once.send(account, "r-1")
        first, message = await code.one(lease=1)
        second, again = await code.one(lease=1, wait=20)  # offered by the team's decision, asked of nobody
        assert (octets(again), again["message_id"]) == (octets(message), message["message_id"])
        async with asyncio.timeout(30):
            while (REGISTRY.get_sample_value(ENDED) or 0) == before:
                await asyncio.sleep(0.05)
        assert (await becomes(once, "r-1", "unconfirmed"))["failure"]["reason"] == "never_reported"
        assert "somebody has to decide" in caplog.text
        assert (await code.take(wait=1))["messages"] == []
        assert 'replywire_external_messages{status="unconfirmed"} 1' in (await code.api.get("/metrics")).text
        # Who had it before the resend is still believed where he sent it, and the one after him too.
        assert await heard(code, "failed", first) == ("known", "unconfirmed")
        assert await heard(code, "sent", first) == ("late", "sent")
        assert await heard(code, "sent", second, message_id="<other@example.net>") == ("known", "sent")
        found = await becomes(once, "r-1", "sent")
        assert found["identities"]["message_ids"] == [message["message_id"], "<other@example.net>"]
        assert [line.get("decision") for line in found["history"]].count("resend") == 1
    assert len(await once.heard.wait(SendSent, request_id="r-1")) == 1


async def heard(code: Worker, what: str, lease: str, **more: Any) -> tuple[str, str]:
    told = await code.told("r-1", what, lease, **more)
    return told["heard"], told["state"]


async def test_assume_sent_ends_it_and_a_later_word_makes_it_no_second_one(once: World) -> None:
    account = await external_account(once)
    async with worker(once) as code:
        await decide(code, "assume_sent")
        await once.send(account, "r-1")
        lease, message = await code.one(lease=1)
        found = await becomes(once, "r-1", "sent")
        assert found["identities"]["message_ids"] == [message["message_id"]]
        assert (await code.take(wait=0))["messages"] == []
        late = await code.tell("r-1", "failed", lease)
        assert (late.status_code, late.json()["code"]) == (409, "already_closed")
        assert (await code.tell("r-1", "release", lease)).json()["code"] == "already_closed"
        assert await heard(code, "sent", lease, message_id="<theirs@example.net>") == ("known", "sent")
        found = await becomes(once, "r-1", "sent")
        assert "<theirs@example.net>" in found["identities"]["message_ids"]
    assert len(await once.heard.wait(SendSent, request_id="r-1")) == 1


async def test_what_lapsed_while_no_process_was_there_is_asked_about_and_its_holders_word_counts(
    stopped: World,
) -> None:
    account = await external_account(stopped)
    words = {"r-1": ("sent", "sent"), "r-2": ("failed", "failed"), "r-3": ("release", "queued")}
    leases: dict[str, str] = {}
    async with stopped.replica(), worker(stopped) as code:
        for request_id in words:
            await stopped.send(account, request_id)
        while len(leases) < 3:
            taken = await code.take(lease=1)
            leases |= {message["request_id"]: taken["lease"] for message in taken["messages"]}
    async with stopped.replica(), worker(stopped, app=1) as code:
        for request_id, (word, state) in words.items():
            [asked] = await stopped.heard.wait(SendUnconfirmed, request_id=request_id)
            assert asked.failure.reason == "never_reported"
            await becomes(stopped, request_id, "unconfirmed", app=1)
            assert (await code.told(request_id, word, leases[request_id]))["state"] == state
            assert (await code.told(request_id, word, leases[request_id]))["heard"] == "known"
        await stopped.heard.wait(SendSent, request_id="r-1")
        await stopped.heard.wait(SendFailed, request_id="r-2")
        assert [message["request_id"] for message in (await code.take(wait=0))["messages"]] == ["r-3"]
