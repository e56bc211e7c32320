"""auth and its commands as processes of their own, for what only a process can show: not starting, dying."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from deploy.embedded.free_ports import free_port
from services.auth.settings import Settings


def environment(settings: Settings, **more: str) -> dict[str, str]:
    given = {
        "REPLYWIRE_NATS_URL": settings.nats_url,
        "REPLYWIRE_MONGODB_URL": settings.mongodb_url,
        "REPLYWIRE_MONGODB_DATABASE": settings.mongodb_database,
        "REPLYWIRE_KEY_RING": settings.key_ring or "",
        "REPLYWIRE_ALLOWED_NETWORKS": json.dumps(settings.allowed_networks),
        "REPLYWIRE_EXTRA_PORTS": json.dumps(settings.extra_ports),
        "REPLYWIRE_CA_FILE": str(settings.ca_file),
        "REPLYWIRE_LOG_LEVEL": "DEBUG",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REPLYWIRE_")}
    return inherited | given | more


@dataclass
class Ended:
    status: int
    out: str
    err: str


async def run(settings: Settings, *arguments: str, **more: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.auth", *arguments,
        env=environment(settings, **more), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


@dataclass
class Served:
    url: str
    process: asyncio.subprocess.Process
    log: asyncio.Task[bytes]

    async def died(self) -> int:
        async with asyncio.timeout(60):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def serving(settings: Settings, **more: str) -> AsyncIterator[Served]:
    """A service process, ready. Its log is whole once the block has ended."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.auth",
        env=environment(settings, REPLYWIRE_HTTP_PORT=str(port), **more), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    served = Served(f"http://127.0.0.1:{port}", process, asyncio.create_task(process.stderr.read()))
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as api:
            while not await _ready(api, served.url):
                assert process.returncode is None, (await served.log).decode()
                await asyncio.sleep(0.05)
        yield served
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await served.log


async def _ready(api: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await api.get(f"{url}/ready")).status_code == 200
    except httpx.HTTPError:
        return False
