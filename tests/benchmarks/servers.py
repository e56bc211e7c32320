"""Fresh servers for one benchmark, as the product runs them: journalled database, bus that syncs always."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import nats
from nats.aio.client import Client as NatsClient

from services.runtime.mongo import Client, open_client
from services.runtime.provision import provision_bus, provision_database
from tests.servers import mongod as mongod_server
from tests.servers import nats_server as bus_server


@contextlib.asynccontextmanager
async def bus_and_database() -> AsyncIterator[tuple[str, str]]:
    """(NATS address, MongoDB address), provisioned; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="replywire-bench-") as folder:
        bus, database = bus_server.make(Path(folder) / "nats"), mongod_server.make(Path(folder) / "mongod")
        await bus.start()
        await database.start()
        try:
            asker: NatsClient = await nats.connect(bus.url)
            await provision_bus(asker, stream_max_bytes=256 * 2**20)
            await asker.close()
            client: Client = open_client(database.url)
            await provision_database(client)
            client.close()
            yield bus.url, database.url
        finally:
            await bus.stop()
            await database.stop()
