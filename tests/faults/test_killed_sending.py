"""`send` is killed at every place that matters, and started again: nothing is lost and nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from replywire_contracts.v1.send import SendFailed, SendSent, SendUnconfirmed

from tests.flows.checker import ENDED, Seen, violations
from tests.flows.world import World, a_world

pytestmark = pytest.mark.xdist_group("faults")

MAILS = 12
PLACES = (
    "send.after_store=kill:3",
    "send.after_claim=kill",
    "send.after_intent=kill:3",
    "send.after_rcpt=kill:3",
    "send.mid_body=kill:3",
    "send.after_dot=kill:3",
    "send.after_250=kill:3",
    "send.before_ack=kill:3",
    "owed.after_publish=kill:5",
)


async def settled(world: World, requests: list[str]) -> Seen:
    """Every request has ended or is parked, and its outcome was told."""
    for request_id in requests:
        await ended(world, request_id)
    messages = {request_id: await world.message(request_id) for request_id in requests}
    return Seen(messages, Counter(world.sink.message_ids()), tuple(world.heard.events), world.planted)


async def ended(world: World, request_id: str) -> None:
    """The state is there before its event: wait for what comes last."""
    for kind in (SendSent, SendUnconfirmed, SendFailed):
        if world.heard.of(kind, request_id=request_id):
            return
    async with asyncio.timeout(90):
        while not any(world.heard.of(kind, request_id=request_id) for kind in (SendSent, SendUnconfirmed, SendFailed)):
            async with world.heard.news:
                await world.heard.news.wait()
    assert (await world.message(request_id))["state"] in ENDED


@pytest.mark.parametrize("failpoint", PLACES)
async def test_a_killed_sender_neither_loses_nor_repeats(failpoint: str, tmp_path: Path) -> None:
    async with a_world(tmp_path, env={"send": {"REPLYWIRE_FAILPOINTS": failpoint}}) as world:
        account = await world.connect()
        requests = [f"kill-{number}" for number in range(MAILS)]
        for request_id in requests:
            await world.send(account, request_id)
        assert await world.running.died("send") == -9, "the failpoint was never passed: this test shows nothing"
        await world.running.start("send", {"REPLYWIRE_FAILPOINTS": ""})
        seen = await settled(world, requests)
        assert violations(seen) == []
        parked = [name for name, message in seen.messages.items() if message["state"] == "unconfirmed"]
        assert len(parked) <= 4, "only what was between the final dot and its answer may be in doubt"
