"""Real servers for every test: one nats-server and one mongod per pytest worker, and private ones to hurt."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest

from services.runtime.promises import UNPROMISED
from tests.servers import mongod as mongod_server
from tests.servers import nats_server as bus_server
from tests.servers.choice import RunningServer

if TYPE_CHECKING:
    from tests.servers.stack import RunningStack

# A busy machine is no finding: no example is judged by how long it took. What lands is tried on the same examples each
# time, for a run must not fail by luck; everywhere else they differ, and so new ones are found.
hypothesis.settings.register_profile(
    "replywire",
    deadline=None,
    suppress_health_check=(hypothesis.HealthCheck.too_slow,),
    derandomize=bool(os.environ.get("CI")),
)
hypothesis.settings.load_profile("replywire")


@pytest.fixture(scope="session", autouse=True)
def promises_kept() -> Iterator[None]:
    """Whatever a test asks of a service in this process is answered as the API's document describes it."""
    yield
    unpromised = [sample.labels for metric in UNPROMISED.collect() for sample in metric.samples]
    assert not unpromised


def _run(server: RunningServer) -> Iterator[RunningServer]:
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    _remove(server)


def _remove(server: RunningServer) -> None:
    remove: Callable[[], None] | None = getattr(server, "remove", None)  # a container's
    if remove is not None:
        remove()


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The worker's nats-server. Never hurt this one: take `own_nats`."""
    yield from _run(bus_server.make(tmp_path_factory.mktemp("nats")))


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The worker's mongod. Never hurt this one: take `own_mongod`."""
    yield from _run(mongod_server.make(tmp_path_factory.mktemp("mongod")))


@pytest.fixture
async def nats_url(nats_server: RunningServer) -> AsyncIterator[str]:
    """The address of a nats-server with JetStream, no users, and no streams from an earlier test."""
    yield nats_server.url
    await bus_server.forget_streams(nats_server.url)


@pytest.fixture(scope="session")
def mongodb_url(mongod: RunningServer) -> str:
    """The address of a mongod with transactions. Take `mongodb_database` for a name of your own in it."""
    return mongod.url


@pytest.fixture
def mongodb_database(mongodb_url: str) -> Iterator[str]:
    """A database name that no other test uses; dropped afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    mongod_server.drop(mongodb_url, name)


@pytest.fixture
async def own_nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """A nats-server of this test alone, started: `kill()`, `freeze()`, `thaw()`, `await start()/stop()/restart()`."""
    async with _own(bus_server.make(tmp_path_factory.mktemp("own-nats"))) as server:
        yield server


@pytest.fixture
async def own_mongod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """A mongod of this test alone, started, with `configureFailPoint` switched on."""
    folder = tmp_path_factory.mktemp("own-mongod")
    async with _own(mongod_server.make(folder, fault_commands=True)) as server:
        yield server


@pytest.fixture
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningStack]:
    """All of Replywire, one replica of each service, of this test alone. For others: `tests.servers.stack.running`."""
    from tests.servers.stack import running  # it imports the services' ground: only tests of the stack wait for that

    async with running(tmp_path_factory.mktemp("stack")) as started:
        yield started


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The worker's stack, for tests that do not hurt it and use addresses and request ids of their own."""
    from tests.servers.stack import make

    started = make(tmp_path_factory.mktemp("shared-stack"))
    asyncio.run(started.stack.start())
    yield started
    asyncio.run(started.stack.stop())


@contextlib.asynccontextmanager
async def _own(server: RunningServer) -> AsyncIterator[RunningServer]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        _remove(server)
