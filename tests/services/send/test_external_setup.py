"""The External client's set-up: what is missing is told, and a test message that was sent proves the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import nats
import pytest
from replywire_contracts.v1.rpc import (
    ChooseExternalDelivery,
    ExternalSetup,
    ExternalSetupState,
    KeyInfo,
    ProveExternal,
)

from services.runtime.rpc import RpcClient, RpcRefused
from tests.services.send.external_world import TAKE, octets, worker
from tests.services.send.world import OTHER_KEY, TEAM, World

SETUP = "/v1/external/setup"
PROOF = {"sender": "ada@example.com", "recipient": "admin@example.com"}


def _key(world: World) -> None:
    made = KeyInfo(key_id="key-acme", name="mail worker", created_at=datetime.now(UTC))
    world.neighbours.keys[TEAM] = [made]


async def _setup(world: World) -> dict[str, Any]:
    async with world.api() as api:
        answer = await api.get(SETUP)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _codes(setup: dict[str, Any]) -> list[str]:
    return [step["code"] for step in setup["missing"]]


async def test_a_set_up_is_complete_once_a_test_message_was_taken_and_sent(sending: World) -> None:
    assert _codes(await _setup(sending)) == ["api_key", "delivery", "test"]
    _key(sending)
    async with worker(sending) as code:
        assert _codes((await code.api.put(SETUP, json={"delivery": "http"})).json()) == ["test"]
        started = await code.api.post(f"{SETUP}/test", json=PROOF)
        assert started.status_code == 202, started.text
        lease, message = await code.one()
        assert (message["test"], message["recipients"]) == (True, ["admin@example.com"])
        assert b"To: admin@example.com" in octets(message)
        await code.told(message["request_id"], "failed", lease, words="550 no relay")
        failed = await _setup(sending)
        assert (_codes(failed), failed["test"]["words"]) == (["test"], "550 no relay")
        await code.api.post(f"{SETUP}/test", json=PROOF)
        lease, message = await code.one()
        await code.told(message["request_id"], "sent", lease, message_id="<wire@example.net>")
    done = await _setup(sending)
    assert (done["complete"], done["missing"], done["test"]["state"]) == (True, [], "sent")
    assert [key["key_id"] for key in done["keys"]] == ["key-acme"]
    assert not sending.heard.events, "nobody asked for it over the bus, so nobody is told"
    assert not sending.neighbours.registered
    assert not sending.neighbours.added


async def test_auths_page_asks_the_same_over_the_bus(sending: World) -> None:
    _key(sending)
    connection = await nats.connect(sending.settings.nats_url)
    rpc = RpcClient(connection)
    try:
        with pytest.raises(RpcRefused, match="delivery_not_chosen"):
            await rpc.call(ProveExternal(team_id=TEAM, **PROOF))
        await rpc.call(ChooseExternalDelivery(team_id=TEAM, delivery="http", by="ada"))
        state: ExternalSetupState = await rpc.call(ProveExternal(team_id=TEAM, **PROOF))
        assert (state.complete, [step.code for step in state.missing]) == (False, ["test"])
        async with worker(sending) as code:
            lease, message = await code.one()
            await code.told(message["request_id"], "sent", lease)
        state = await rpc.call(ExternalSetup(team_id=TEAM))
        assert state.complete
        again: ExternalSetupState = await rpc.call(ChooseExternalDelivery(team_id=TEAM, delivery="http", by="ada"))
        assert again.complete, "the same choice again changes nothing"
        other: ExternalSetupState = await rpc.call(ChooseExternalDelivery(team_id=TEAM, delivery="nats", by="ada"))
        assert [step.code for step in other.missing] == ["test"], "another way must be proved anew"
        sending.neighbours.keys.clear()
        state = await rpc.call(ExternalSetup(team_id=TEAM))
        assert state.missing[0].code == "api_key"
    finally:
        await connection.close()


async def test_what_cannot_be_is_refused_with_its_field_and_remedy(sending: World) -> None:
    async with worker(sending) as code:
        nothing = await code.api.post(TAKE, json={})
        assert (nothing.status_code, nothing.json()["code"]) == (409, "other_delivery")
        early = await code.api.post(f"{SETUP}/test", json=PROOF)
        assert (early.status_code, early.json()["code"]) == (409, "delivery_not_chosen")
        unknown = await code.api.put(SETUP, json={"delivery": "pigeon"})
        assert (unknown.status_code, unknown.json()["field"]) == (422, "delivery")
        await code.api.put(SETUP, json={"delivery": "nats"})
        other = await code.api.post(TAKE, json={})
        assert (other.status_code, other.json()["delivery"]) == (409, "nats")
        for field in ("sender", "recipient"):
            bad = await code.api.post(f"{SETUP}/test", json=PROOF | {field: "not an address"})
            assert (bad.status_code, bad.json()["field"]) == (422, field), bad.text
            assert bad.json()["remedy"]
        for asked, field in (
            ({"max": 0}, "max"), ({"wait_seconds": 51}, "wait_seconds"), ({"lease_seconds": 0}, "lease_seconds"),
            ({"max": 1, "mux": 1}, "mux"),
        ):  # fmt: skip
            answer = await code.api.post(TAKE, json=asked)
            assert (answer.status_code, answer.json()["field"]) == (422, field)
    async with worker(sending, OTHER_KEY) as foreign:
        assert (await foreign.api.get(SETUP)).json()["delivery"] is None, "another team's set-up is its own"
