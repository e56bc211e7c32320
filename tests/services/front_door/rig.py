"""The front door in this process, a scripted service behind it, and clients that say what a good one never would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import uvicorn

from deploy.embedded.free_ports import free_port
from deploy.front_door.proxy import FrontDoor
from deploy.front_door.settings import FrontDoorSettings

Script = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
LIMIT = 100_000
LONG = b"x" * 70_000
"""More of a body than is waited for before a service is asked."""


class Upstream:
    """A service, byte by byte: `script` answers each request's head."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.script: Script = self.plain
        self.left = asyncio.Event()
        self.port = 0

    async def plain(self, _: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\nok")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.script(head, reader, writer)
                await writer.drain()
        self.left.set()
        writer.close()


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    async with server:
        yield upstream


@contextlib.asynccontextmanager
async def door(*ports: int, silence: float = 30, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = FrontDoorSettings(
        http_max_body=LIMIT,
        upstreams={"send": tuple(f"127.0.0.1:{port}" for port in ports)},
        silence_seconds=silence,
        **more,
    )
    app = FrontDoor(settings, {"/v1/openapi.json": ("application/json", b"{}")})
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, lifespan="off", log_config=None, server_header=False, proxy_headers=False)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    await serving
    await app.close()


@contextlib.asynccontextmanager
async def client_of(
    http: httpx.AsyncClient, sent: bytes, address: str = "127.0.0.1"
) -> AsyncIterator[asyncio.StreamReader]:
    """Says this and then nothing more; what the door says to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port, local_addr=(address, 0))
    writer.write(sent)
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()


def posting(length: int, of_it: bytes = b"") -> bytes:
    return f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode() + of_it
