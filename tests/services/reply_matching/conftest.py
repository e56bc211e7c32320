"""reply_matching running in this process, on a real bus and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import nats
import pytest
from replywire_contracts.event import Event
from replywire_contracts.nats import Replywire
from replywire_contracts.v1.reply import AutoReplyDetected, BounceDetected, ComplaintDetected, ReplyDetected

from services.reply_matching.adapters.indexes import INDEXES
from services.reply_matching.app import build
from services.reply_matching.settings import Settings
from services.runtime.app import App
from services.runtime.mongo import open_client
from services.runtime.provision import create_indexes, provision_bus
from services.runtime.rpc import RpcClient


@dataclass
class Service:
    app: App
    rpc: RpcClient
    product: Replywire
    announced: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)

    async def next(self) -> Event:
        async with asyncio.timeout(20):
            return await self.announced.get()

    async def listen(self, ready: asyncio.Event) -> None:
        kinds = (ReplyDetected, AutoReplyDetected, BounceDetected, ComplaintDetected)
        async with self.product.subscribe(*kinds, durable="test") as events:
            ready.set()
            async for event in events:
                self.announced.put_nowait(event)


@asynccontextmanager
async def running(nats_url: str, mongodb_url: str, database: str) -> AsyncIterator[Service]:
    client = open_client(mongodb_url)
    await create_indexes(client, database, INDEXES)
    client.close()
    asker = await nats.connect(nats_url)
    await provision_bus(asker, stream_max_bytes=64 * 2**20)
    settings = Settings(nats_url=nats_url, mongodb_url=mongodb_url, mongodb_database=database, http_port=0)
    app = build(settings)
    started = asyncio.Event()
    app.on_start(_setter(started))
    run = asyncio.create_task(app.run())
    service = Service(app, RpcClient(asker), await Replywire.connect(nats_url))
    listening = asyncio.Event()
    listener = asyncio.create_task(service.listen(listening))
    try:
        async with asyncio.timeout(30):
            await started.wait()
            await listening.wait()
        yield service
    finally:
        app.stop()
        await run
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await service.product.connection.close()
        await asker.close()


def _setter(event: asyncio.Event):  # type: ignore[no-untyped-def]
    async def hook() -> None:
        event.set()

    return hook


@pytest.fixture
async def service(nats_url: str, mongodb_url: str, mongodb_database: str) -> AsyncIterator[Service]:
    async with running(nats_url, mongodb_url, mongodb_database) as started:
        yield started
