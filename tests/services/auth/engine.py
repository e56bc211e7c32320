"""The sync engine beside auth in one process, with a database of its own: it keeps the logins that auth hands over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from services.inbox_sync.adapters.indexes import INDEXES
from services.inbox_sync.app import Parts, assemble
from services.inbox_sync.settings import Settings as EngineSettings
from services.runtime.mongo import open_client
from services.runtime.provision import create_indexes
from tests.servers import mongod as mongod_server
from tests.servers.exchange import Exchange
from tests.services.auth.conftest import Auth
from tests.services.inbox_sync.world import KEYS


@contextlib.asynccontextmanager
async def engine_running(
    auth: Auth,
    exchange: Exchange,
    *,
    allowed_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128"),
    extra_ports: tuple[int, ...] = (),
) -> AsyncIterator[Parts]:
    """`extra_ports` may be called besides the Exchange server's."""
    database = f"{auth.settings.mongodb_database}_engine"
    client = open_client(auth.settings.mongodb_url)
    await create_indexes(client, database, INDEXES)
    client.close()
    settings = {
        "nats_url": auth.settings.nats_url,
        "mongodb_url": auth.settings.mongodb_url,
        "mongodb_database": database,
        "http_port": 0,
        "find_keys": KEYS,
        "sweep_seconds": 0.1,
        "graceful_timeout": 5,
        "allowed_networks": allowed_networks,
        "extra_ports": (exchange.port, *extra_ports),
        "ca_file": Path(exchange.ca_file),
    }
    parts = assemble(EngineSettings.model_validate(settings))
    run = asyncio.create_task(parts.app.run())
    try:
        async with asyncio.timeout(30):
            while await parts.app.health.problems():
                await asyncio.wait({run}, timeout=0.02)
        yield parts
    finally:
        parts.app.stop()
        await run
        await asyncio.to_thread(mongod_server.drop, auth.settings.mongodb_url, database)
