"""Over the bus the same work is done by a user that has the rights of its team and no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.msg import Msg
from replywire_contracts.external import External, Problem
from replywire_contracts.external_bus import BusDoor
from replywire_contracts.v1.send import SendSent
from replywire_contracts.v1.values import Body

from deploy.embedded.nats_server import NatsServer
from services.runtime.bus import settled
from services.runtime.permissions import SERVICES, USERS, external_user, render_users
from tests.services.send.external_world import external_account, worker
from tests.services.send.world import World, a_world

ACME, GLOBEX = external_user("acme"), external_user("globex")
PASSWORDS = {user: f"{user}-password" for user in (*USERS, ACME, GLOBEX)}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path, authorization=render_users(PASSWORDS), passwords=PASSWORDS)
    await server.start()
    yield server
    await server.stop()


async def door(url: str, team: str = "acme") -> BusDoor:
    return await BusDoor.connect(url, team=team, password=PASSWORDS[external_user(team)])


async def test_a_teams_user_asks_in_its_own_name_and_may_do_nothing_else(bus: NatsServer) -> None:
    """Whoever answers is stood for by a service's own user: what counts is what the server lets through."""
    service = await nats.connect(bus.url_for("send"), inbox_prefix=b"_INBOX_send")
    heard: list[str] = []

    async def answer(message: Msg) -> None:
        heard.append(message.subject)
        await message.respond(b'{"lease": "l", "until": "2026-03-02T09:00:00Z", "messages": []}')

    await service.subscribe("rpc.v1.external.take.*", queue="send", cb=answer)
    await settled(service)
    refusals: list[str] = []

    async def refused(error: Exception) -> None:
        refusals.append(str(error).lower())

    acme = await nats.connect(bus.url_for(ACME), inbox_prefix=f"_INBOX_{ACME}".encode(), error_cb=refused)
    try:
        await acme.request("rpc.v1.external.take.acme", b"{}", timeout=5)
        forbidden = [
            "rpc.v1.external.take.globex", "rpc.v1.external.take.*", "mail.v1.send.requested.acme", "$JS.API.INFO",
            "rpc.v1.auth.verify_key", "$O.replywire-bodies.C.x", "hint.v1.send.external.acme",
        ]  # fmt: skip
        for subject in forbidden:
            await acme.publish(subject, b"{}")
        readable = ["mail.v1.>", f"_INBOX_{GLOBEX}.>", "rpc.v1.external.take.acme", "_INBOX_send.>", "hint.v1.>"]
        for subject in readable:
            await acme.subscribe(subject)
        await settled(acme)
        async with asyncio.timeout(30):
            while len(refusals) < len(forbidden) + len(readable):
                await asyncio.sleep(0.02)
        assert all("permissions violation" in refusal for refusal in refusals)
        assert heard == ["rpc.v1.external.take.acme"]
    finally:
        await acme.close()
        await service.close()


def test_every_service_answers_its_verbs_and_nobody_else_does() -> None:
    block = render_users(dict.fromkeys(SERVICES, "p"))
    for line in block.splitlines():
        for verb, service in (("take", "send"), ("headers", "inbox_sync")):
            assert (f'"rpc.v1.external.{verb}.*"' in line) == (f'user: "{service}"' in line)


@pytest.fixture
async def sending(nats_url: str, mongodb_url: str, mongodb_database: str) -> AsyncIterator[World]:
    async with a_world(nats_url, mongodb_url, mongodb_database) as world, world.replica():
        await external_account(world)
        setups = world.database["external_setups"]
        await setups.update_one({"_id": "acme"}, {"$set": {"delivery": "nats"}})
        yield world


async def test_the_same_work_is_done_over_the_bus(sending: World) -> None:
    large = Body(text="a line of text\n" * 20_000)
    async with External(door=await BusDoor.connect(sending.settings.nats_url, team="acme", password="")) as external:
        waiting = asyncio.create_task(external.take(wait=30))
        await sending.send("ada", "r-1", text=large)
        [work] = await waiting
        assert (work.request_id, len(work.mime) > 256 * 1024) == ("r-1", True), "large octets come in pieces"
        assert work.message_id.encode() in work.mime
        assert await external.extend(work, 600) > work.until
        answer = await external.sent(work, message_id="<wire@example.net>", words="250 Ok")
        assert (answer.status, answer.state, answer.heard) == (200, "sent", "recorded")
        assert (await external.sent(work)).heard == "known"
        failed = await external.failed(work)
        assert (failed.status, failed.code) == (409, "already_closed")
        with pytest.raises(Problem) as refused:
            await external.extend(work)
        assert (refused.value.code, refused.value.status) == ("already_closed", 409)
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    assert "<wire@example.net>" in sent.identities.message_ids


async def test_what_a_dead_taker_waited_for_goes_to_the_next_at_once(sending: World) -> None:
    url = sending.settings.nats_url
    dead = await nats.connect(url)
    asked = {"wait_seconds": 40, "lease_seconds": 600}
    await dead.publish("rpc.v1.external.take.acme", json.dumps(asked).encode(), reply=dead.new_inbox())
    await settled(dead)
    await dead.close()
    async with External(door=await BusDoor.connect(url, team="acme", password="")) as external:
        await sending.send("ada", "r-1")
        async with asyncio.timeout(30):  # a lease of ten minutes would have to end otherwise
            while not (taken := await external.take(wait=2)):
                pass
        answer = await external.sent(taken[0])
        assert (answer.request_id, answer.heard) == ("r-1", "recorded")
    stored = await sending.message("r-1")
    assert [line["state"] for line in stored["history"]][-1] == "sent"


async def test_who_has_chosen_the_bus_takes_nothing_over_http_and_other_teams_nothing_at_all(sending: World) -> None:
    await sending.send("ada", "r-1")
    url = sending.settings.nats_url
    async with worker(sending) as code:
        answer = await code.api.post("/v1/external/messages/take", json={"wait_seconds": 0})
        assert (answer.status_code, answer.json()["code"]) == (409, "other_delivery")
    async with External(door=await BusDoor.connect(url, team="globex", password="")) as foreign:
        with pytest.raises(Problem, match="other_delivery"):
            await foreign.take()
    async with External(door=await BusDoor.connect(url, team="acme", password="")) as external:
        [work] = await external.take(wait=20)
        await external.release(work)
        many = [f"m-{number}" for number in range(30)]
        for request_id in many:
            await sending.send("ada", request_id, metadata={"note": "x" * 15_000})
        taken: list[str] = []
        async with asyncio.timeout(60):
            while len(taken) < 31:
                some = await external.take(500, wait=5)
                taken += [one.request_id for one in some]
                for one in some:
                    await external.sent(one)
        assert sorted(taken) == sorted([*many, "r-1"]), "each once, however many fit one answer"
