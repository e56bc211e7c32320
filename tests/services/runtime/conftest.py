"""A provisioned bus and database, and apps running on them inside the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import nats
import pytest
from nats.aio.client import Client as NatsClient

from services.runtime import mongo
from services.runtime.app import App
from services.runtime.mongo import Client, Database
from services.runtime.provision import provision_bus
from services.runtime.settings import RuntimeSettings
from tests.servers.choice import EMBEDDED, chosen

STREAM_BYTES = 256 * 2**20


@pytest.fixture
async def nc(nats_url: str) -> AsyncIterator[NatsClient]:
    """An all-powerful connection to a bus where streams and consumers exist."""
    connection = await nats.connect(nats_url)
    await provision_bus(connection, stream_max_bytes=STREAM_BYTES)
    yield connection
    await connection.close()


@pytest.fixture
async def client(mongodb_url: str) -> AsyncIterator[Client]:
    connection = mongo.open_client(mongodb_url)
    yield connection
    connection.close()


@pytest.fixture
def db(client: Client, mongodb_database: str) -> Database:
    return client[mongodb_database]


@pytest.fixture
def settings(nats_url: str, mongodb_url: str, mongodb_database: str) -> Callable[..., RuntimeSettings]:
    def make(service: str = "send", **more: Any) -> RuntimeSettings:
        given = {
            "service": service,
            "nats_url": nats_url,
            "mongodb_url": mongodb_url,
            "mongodb_database": mongodb_database,
            "http_port": 0,
            "graceful_timeout": 5.0,
        }
        return RuntimeSettings(**{**given, **more})

    return make


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """The app, ready; stopped afterwards as SIGTERM stops it."""
    run = asyncio.create_task(app.run())
    try:
        async with asyncio.timeout(20):
            while await app.health.problems():
                done, _ = await asyncio.wait({run}, timeout=0.02)
                if done:
                    run.result()
        yield app
    finally:
        app.stop()
        await run


@pytest.fixture
def embedded_only() -> None:
    """The store of a container cannot be wiped from outside."""
    if chosen() != EMBEDDED:
        pytest.skip("needs the embedded nats-server")
