"""`inbox_sync` and `reply_matching` are killed at every place that matters, with answers arriving among other mail:
each answer is announced, as one event, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle

import pytest
import pytest_asyncio
from replywire_contracts.v1.send import SendSent

from tests.flows.checker import violations
from tests.flows.settling import announced, quiet, seen
from tests.flows.world import ADA, World, a_world, reply_to
from tests.servers.dovecot import mail

pytestmark = [pytest.mark.xdist_group("killed-reading"), pytest.mark.asyncio(loop_scope="module")]

REQUESTS = [f"read-{number}" for number in range(4)]
KILLS = {
    "after a fetch": ("inbox_sync", "inbox_sync.after_fetch=kill", "inbox_sync.after_fetch=kill:3"),
    "before the cursor": ("inbox_sync", "inbox_sync.before_cursor=kill", "inbox_sync.before_cursor=kill:3"),
    "after the commit": ("inbox_sync", "inbox_sync.after_commit=kill", "inbox_sync.after_commit=kill:2"),
    "after publishing": ("inbox_sync", "inbox_sync.after_publish=kill", "inbox_sync.after_publish=kill:2"),
    "announcing": ("reply_matching", "owed.before_publish=kill:2", "owed.after_publish=kill:3"),
}
"""By place: whose process dies there, at which passes, one after the other."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("killed-reading")) as made:
        account = await made.connect()
        for request_id in REQUESTS:
            await made.send(account, request_id)
        for request_id in REQUESTS:
            await made.heard.wait(SendSent, request_id=request_id)
        yield made


async def answers_arrive(world: World, service: str) -> None:
    """Unrelated mail, an answer, unrelated mail, ... until the service has died of one of them. One that has just been
    started reads nothing before the mailbox's lease of the killed one has run out."""
    dead = asyncio.ensure_future(world.running.died(service))
    for number, request_id in enumerate(cycle(REQUESTS)):
        [sent] = world.heard.of(SendSent, request_id=request_id)[:1]
        other = [mail(number * 10 + each, lines=("In-Reply-To: <somebody@example.net>",)) for each in range(5)]
        world.dovecot.deliver(ADA, *other[:3])
        world.answer(sent, f"Answer {number}.")
        world.dovecot.deliver(ADA, *other[3:])
        if number >= len(REQUESTS):
            await asyncio.wait({dead}, timeout=0.5)  # one page per answer, so that later passes are reached too
        if dead.done():
            break
    assert await dead == -9, "the failpoint was never passed: this test shows nothing"


@pytest.mark.parametrize(("service", "first", "then"), KILLS.values(), ids=KILLS)
async def test_a_killed_reader_misses_no_answer_and_repeats_none(
    service: str, first: str, then: str, world: World
) -> None:
    await world.running.restart(service, {"REPLYWIRE_FAILPOINTS": first})
    await answers_arrive(world, service)
    await world.running.start(service, {"REPLYWIRE_FAILPOINTS": then})
    await answers_arrive(world, service)
    await world.running.start(service, {"REPLYWIRE_FAILPOINTS": ""})
    await announced(world, REQUESTS)
    assert violations(await seen(world, REQUESTS)) == []


async def test_one_message_delivered_to_the_mailbox_twice_is_one_answer(world: World) -> None:
    [sent] = world.heard.of(SendSent, request_id=REQUESTS[0])[:1]
    answer = world.answer(sent, "Twice the same.")
    world.dovecot.deliver(
        ADA, reply_to(sent.identities.message_ids[0], answer, "Twice the same.")
    )  # a forwarding loop, or an impatient delivery agent
    await announced(world, REQUESTS)


async def test_when_every_timer_has_run_out_each_answer_was_told_once(world: World) -> None:
    await quiet(world)
    assert violations(await seen(world, REQUESTS, (ADA,), everything=True)) == []
