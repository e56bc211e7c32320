"""After silence at the point of no return: look, never repeat blindly; where nobody can tell, a person decides."""

from __future__ import annotations

import pytest
from replywire_contracts.v1.send import SendCancelled, SendSent, SendUnconfirmed

from services.providers.errors import Transient
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.services.send.world import World, times_sent

LOST = ConnectionResetError("connection reset by peer")


async def unconfirmed(world: World, request_id: str = "r-1") -> SendUnconfirmed:
    account = await world.connect()
    WORLD.misbehave(Step.ANSWER, LOST)
    await world.send(account, request_id)
    [event] = await world.heard.wait(SendUnconfirmed, request_id=request_id)
    return event


async def decide(world: World, decision: str, request_id: str = "r-1") -> dict[str, object]:
    async with world.api() as api:
        answer = await api.post(f"/v1/messages/{request_id}/resolve", json={"decision": decision})
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


async def test_what_nobody_can_confirm_is_said_so_and_not_repeated(sending: World) -> None:
    event = await unconfirmed(sending)
    assert event.failure.reason == "outcome_unknown"
    assert event.identities.message_ids[0] in times_sent()
    assert len(WORLD.ledger) == 1
    states = [line["state"] for line in (await sending.message("r-1"))["history"]]
    assert states == ["queued", "submitting", "committing", "unknown", "unconfirmed"]


async def test_what_is_found_at_the_provider_is_sent(sending: World) -> None:
    account = await sending.connect()
    WORLD.remembers = True
    WORLD.misbehave(Step.ANSWER, LOST)
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    assert list(times_sent().values()) == [1]


async def test_what_is_provably_absent_is_sent_again_with_the_same_bytes(sending: World) -> None:
    account = await sending.connect()
    WORLD.remembers = True
    WORLD.misbehave(Step.COMMIT, LOST)
    await sending.send(account, "r-1")
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    assert sent.attempts == 2
    assert list(times_sent().values()) == [1]


async def test_a_look_that_fails_is_repeated(sending: World) -> None:
    account = await sending.connect()
    WORLD.remembers = True
    WORLD.misbehave(Step.ANSWER, LOST)
    WORLD.misbehave(Step.PROBE, Transient("away"), Transient("away"))
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    assert list(times_sent().values()) == [1]


async def test_a_person_may_send_it_again_and_history_says_who_did(sending: World) -> None:
    await unconfirmed(sending)
    await decide(sending, "resend")
    await sending.heard.wait(SendSent, request_id="r-1")
    assert list(times_sent().values()) == [2]
    decisions = [line for line in (await sending.message("r-1"))["history"] if line.get("decision")]
    assert [(line["decision"], line["by"]) for line in decisions] == [("resend", "key-acme")]


async def test_a_person_may_take_it_as_sent(sending: World) -> None:
    await unconfirmed(sending)
    assert (await decide(sending, "assume_sent"))["state"] == "sent"
    await sending.heard.wait(SendSent, request_id="r-1")
    assert list(times_sent().values()) == [1]


async def test_a_person_may_give_it_up(sending: World) -> None:
    await unconfirmed(sending)
    assert (await decide(sending, "cancel"))["state"] == "cancelled"
    await sending.heard.wait(SendCancelled, request_id="r-1")
    async with sending.api() as api:
        late = await api.post("/v1/messages/r-1/resolve", json={"decision": "resend"})
    assert (late.status_code, late.json()["code"]) == (409, "not_unconfirmed")
    assert len(WORLD.ledger) == 1


@pytest.mark.parametrize(("policy", "times"), [("resend", 2), ("assume_sent", 1)])
async def test_a_team_may_decide_once_for_all(policy: str, times: int, sending: World) -> None:
    async with sending.api() as api:
        assert (await api.put("/v1/sending/settings", json={"unconfirmed": policy})).status_code == 200
        assert (await api.get("/v1/sending/settings")).json() == {"unconfirmed": policy}
    await unconfirmed(sending)
    await sending.heard.wait(SendSent, request_id="r-1")
    assert list(times_sent().values()) == [times]
    [line] = [line for line in (await sending.message("r-1"))["history"] if line.get("decision")]
    assert (line["decision"], line["by"]) == (policy, "team policy")
