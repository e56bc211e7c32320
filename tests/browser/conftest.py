"""One world for the browser's tests, and a team of its own for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.runtime.permissions import SERVICES
from tests.browser import chromium
from tests.browser import world as worlds
from tests.browser.world import Team, World
from tests.servers import mongod as mongod_server
from tests.servers import nats_server as bus_server
from tests.servers.choice import RunningServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    nats_server: RunningServer, mongodb_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with chromium.running() as browser:
        folder = tmp_path_factory.mktemp("browser")
        async with worlds.running(folder, nats_server.url, mongodb_url, browser) as started:
            yield started
    await bus_server.forget_streams(nats_server.url)
    for service in SERVICES:
        await asyncio.to_thread(mongod_server.drop, mongodb_url, f"replywire_{service}")


@pytest_asyncio.fixture(loop_scope="module")
async def team(world: World) -> AsyncIterator[Team]:
    made = await world.team()
    yield made
    await made.close()
