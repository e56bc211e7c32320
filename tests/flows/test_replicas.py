"""Two replicas of each service: one dies, freezes or is replaced, and the other goes on; nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendSent

from deploy.embedded.settings import SERVICES
from tests.faults.load import Load, under_load
from tests.flows.checker import LeaseWrite, lease_violations, violations
from tests.flows.leases import watched
from tests.flows.settling import announced, databases, ended, known, quiet, seen
from tests.flows.world import ADA, World, a_world

pytestmark = [pytest.mark.xdist_group("replicas"), pytest.mark.asyncio(loop_scope="module")]

ADDRESSES = ("ada@example.com", "lin@example.com", "may@example.com", "joan@example.com", "rosa@example.com")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("replicas"), replicas=dict.fromkeys(SERVICES, 2)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accounts(world: World) -> dict[str, str]:
    return {address: await world.connect(address) for address in ADDRESSES}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def leases(world: World, accounts: dict[str, str]) -> AsyncIterator[list[LeaseWrite]]:
    """Every write to a lease while the replicas are hurt."""
    async with watched(world) as writes:
        yield writes
    assert list(lease_violations(writes)) == []


async def lease_of(world: World, account: str, *, other_than: str | None = None) -> dict[str, Any]:
    """inbox_sync's, once somebody (else) has it."""
    async with asyncio.timeout(60), databases(world) as dbs:
        while True:
            found = await dbs["inbox_sync"]["leases"].find_one({"_id": account, "owner": {"$nin": [None, other_than]}})
            if found is not None:
                return found
            await asyncio.sleep(0.05)


def holder(world: World, owner: str) -> str:
    """The replica whose process the lease names: host, process id and a random part."""
    pid = int(owner.split("-")[-2])
    return next(name for name, one in world.running.stack.services.items() if one.process.pid == pid)


async def sent(world: World, account: str, request_id: str) -> SendSent:
    await world.send(account, request_id)
    return (await world.heard.wait(SendSent, request_id=request_id))[0]


async def test_a_mailbox_moves_when_its_holder_is_killed_and_an_answer_meanwhile_is_announced_once(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite]
) -> None:
    mail = await sent(world, accounts[ADA], "moved-by-kill")
    before = await lease_of(world, accounts[ADA])
    dead = holder(world, before["owner"])
    world.running.kill(dead)
    world.answer(mail, "Meanwhile.")
    await announced(world, ["moved-by-kill"])
    after = await lease_of(world, accounts[ADA], other_than=before["owner"])
    assert after["token"] > before["token"]
    await world.running.start(dead)
    assert violations(await seen(world, ["moved-by-kill"])) == []


async def test_a_mailbox_moves_when_its_holder_freezes_and_the_thawed_one_writes_nothing(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite]
) -> None:
    mail = await sent(world, accounts[ADA], "moved-by-freeze")
    before = await lease_of(world, accounts[ADA])
    frozen = holder(world, before["owner"])
    world.running.freeze(frozen)
    world.answer(mail, "Before it thaws.")
    await announced(world, ["moved-by-freeze"])
    after = await lease_of(world, accounts[ADA], other_than=before["owner"])
    world.running.thaw(frozen)
    world.answer(mail, "After it thawed.")
    await announced(world, ["moved-by-freeze"])
    async with databases(world) as dbs:
        async for place in dbs["inbox_sync"]["cursors"].find({"account_id": accounts[ADA]}):
            assert place["token"] >= after["token"]
    assert violations(await seen(world, ["moved-by-freeze"])) == []


async def test_two_dispatchers_under_load_send_each_mail_once(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite]
) -> None:
    load = Load(world, accounts, "two-dispatchers", mails=200, pause=0.005)
    async with under_load(load):
        pass
    names = {
        message["identities"]["message_ids"][0] for message in (await seen(world, load.requests)).messages.values()
    }
    assert sorted(name for name in world.sink.message_ids() if name in names) == sorted(names)
    assert len(names) == 200


async def test_a_dispatcher_frozen_past_its_lease_under_load_sends_nothing_twice(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite]
) -> None:
    async with under_load(Load(world, accounts, "frozen", mails=100)):
        world.running.freeze("send")
        await asyncio.sleep(8)  # its leases of three seconds run out, and the other replica takes its mailboxes
        world.running.thaw("send")


@pytest.mark.parametrize("number", [1, 2])
async def test_replicas_killed_one_after_the_other_under_load_lose_nothing(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite], number: int
) -> None:
    names = [service if number == 1 else f"{service}-{number}" for service in SERVICES]
    async with under_load(Load(world, accounts, f"killed-{number}", mails=100)):
        for name in names:
            world.running.kill(name)
            await asyncio.sleep(0.3)  # the others have the load to themselves
        await asyncio.gather(*(world.running.start(name) for name in names))


async def test_a_rolling_restart_under_load_loses_nothing(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite]
) -> None:
    async with under_load(Load(world, accounts, "rolling", mails=200, pause=0.05)):
        for service in SERVICES:
            for name in (service, f"{service}-2"):
                await world.running.restart(name)


async def test_when_every_timer_has_run_out_each_mail_and_each_answer_was_one(
    world: World, accounts: dict[str, str], leases: list[LeaseWrite]
) -> None:
    await quiet(world)
    requests = await known(world)
    await ended(world, requests)
    assert violations(await seen(world, requests, ADDRESSES, everything=True)) == []
    assert len({event.id for event in world.heard.of(ReplyDetected)}) == sum(map(len, world.planted.values()))
    owners: dict[str, set[str]] = {}
    for write in leases:
        if write.fields.get("owner"):
            owners.setdefault(write.key, set()).add(write.fields["owner"])
    assert any(len(each) > 1 for each in owners.values()), "nobody took a lease from anybody: this shows nothing"
    assert list(lease_violations(leases)) == []
