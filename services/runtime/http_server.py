"""uvicorn inside the service's own event loop, leaving signals and the order of stopping to `app`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the app's


class HttpServer:
    def __init__(self, api: FastAPI, host: str, port: int) -> None:
        self._address = (host, port)
        self._server = _Server(
            uvicorn.Config(
                api,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=5,
                limit_concurrency=1000,
                h11_max_incomplete_event_size=64 * 1024,
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        """Raises `OSError` where the address is taken: uvicorn itself would end the process."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        listener = socket.create_server(self._address, family=family, backlog=1024)
        # Inherited by what it accepts. asyncio would set it, but passes over sockets that do not name TCP as their
        # protocol, as this one: head and body of an answer then wait 40 ms for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="http")

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
