"""`send` is killed at every place that matters, and started again: nothing is lost and nothing is sent twice."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.flows import settling
from tests.flows.checker import violations
from tests.flows.world import ADA, World, a_world

pytestmark = [pytest.mark.xdist_group("killed-sending"), pytest.mark.asyncio(loop_scope="module")]

MAILS = 12
PLACES = (
    "send.after_store=kill:3",
    "send.after_registering=kill",
    "send.after_intent=kill",
    "send.after_rcpt=kill:3",
    "send.mid_body=kill:3",
    "send.after_dot=kill:3",
    "send.after_250=kill:3",
    "send.before_ack=kill:3",
    "send.before_copy=kill:3",
    "send.after_copy=kill:3",
    "owed.after_publish=kill:5",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("killed-sending")) as made:
        yield made


@pytest.mark.parametrize("failpoint", PLACES)
async def test_a_killed_sender_neither_loses_nor_repeats(failpoint: str, world: World) -> None:
    account = await world.connect()
    await world.running.restart("send", {"REPLYWIRE_FAILPOINTS": failpoint})
    requests = [f"{failpoint.partition('=')[0]}-{number}" for number in range(MAILS)]
    for request_id in requests:
        await world.send(account, request_id)
    assert await world.running.died("send") == -9, "the failpoint was never passed: this test shows nothing"
    await world.running.start("send", {"REPLYWIRE_FAILPOINTS": ""})
    await settling.ended(world, requests)
    await settling.quiet(world)
    seen = await settling.seen(world, requests, [ADA])
    assert violations(seen) == []
    parked = [name for name, message in seen.messages.items() if message["state"] == "unconfirmed"]
    assert len(parked) <= 4, "only what was between the final dot and its answer may be in doubt"
