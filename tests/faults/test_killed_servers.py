"""nats-server and mongod are killed, frozen and made to fail under load: the services wait, and nothing is lost or
repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from tests.faults.load import Load, under_load
from tests.flows.checker import violations
from tests.flows.settling import known, quiet, seen
from tests.flows.world import World, a_world
from tests.servers.choice import RunningServer

pytestmark = [pytest.mark.xdist_group("killed-servers"), pytest.mark.asyncio(loop_scope="module")]

ADDRESSES = ("ada@example.com", "lin@example.com")
FROZEN = 20.0
"""Seconds: longer than a lease, a heartbeat and a request's timeout."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("killed-servers"), fault_commands=True) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accounts(world: World) -> dict[str, str]:
    return {address: await world.connect(address) for address in ADDRESSES}


def server(world: World, name: str) -> RunningServer:
    found: RunningServer = getattr(world.running.stack, name)
    return found


@pytest.mark.parametrize("name", ["nats", "mongod"])
async def test_a_server_killed_under_load_loses_nothing(world: World, accounts: dict[str, str], name: str) -> None:
    async with under_load(Load(world, accounts, f"killed-{name}")):
        server(world, name).kill()
        await server(world, name).start()


@pytest.mark.parametrize("name", ["nats", "mongod"])
async def test_a_server_frozen_under_load_loses_nothing(world: World, accounts: dict[str, str], name: str) -> None:
    async with under_load(Load(world, accounts, f"frozen-{name}")):
        server(world, name).freeze()
        await asyncio.sleep(FROZEN)
        server(world, name).thaw()


async def test_a_primary_that_steps_down_under_load_loses_nothing(world: World, accounts: dict[str, str]) -> None:
    async with under_load(Load(world, accounts, "step-down")):
        # Alone in its set it is elected again at once; what was in flight meets NotPrimary or a closed connection.
        for _ in range(3):
            await told(world, {"replSetStepDown": 1, "force": True})
            await asyncio.sleep(1.5)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("closed", {"closeConnection": True}),
        ("unsure", {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}),
        ("not-primary", {"errorCode": 10107}),
    ],
)
async def test_writes_that_fail_at_the_database_lose_nothing(
    world: World, accounts: dict[str, str], name: str, data: dict[str, Any]
) -> None:
    commands = ["insert", "update", "findAndModify", "commitTransaction"]
    fault = {"configureFailPoint": "failCommand", "mode": {"times": 10}, "data": {"failCommands": commands, **data}}
    async with under_load(Load(world, accounts, f"failing-{name}")):
        await told(world, fault)
    await told(world, {"configureFailPoint": "failCommand", "mode": "off"})


async def test_when_every_timer_has_run_out_each_mail_and_each_answer_was_one(
    world: World, accounts: dict[str, str]
) -> None:
    await quiet(world)
    assert violations(await seen(world, await known(world), ADDRESSES, everything=True)) == []


async def told(world: World, command: dict[str, Any]) -> None:
    """An operator's command to the server."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        f"{world.running.stack.mongodb_url}&directConnection=true".replace("replicaSet=replywire&", "")
    )
    try:
        await client.admin.command(command)
    except AutoReconnect:
        pass  # a primary that steps down closes its connections, this one too
    finally:
        await client.close()
