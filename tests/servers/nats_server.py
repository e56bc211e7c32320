"""nats-server for tests: embedded or in a container, and a clean slate between tests that share one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import nats

from deploy.embedded.nats_server import NatsServer
from deploy.embedded.processes import Process
from tests.servers.choice import CONTAINERS, RunningServer, chosen

_IMAGE = "nats:2.15-alpine"


def make(folder: Path) -> RunningServer:
    """One that is not started yet, without users: everybody may do everything."""
    if chosen() == CONTAINERS:
        return ContainerNats()
    return NatsServer(folder)


class ContainerNats:
    def __init__(
        self, *, port: int | None = None, config: Path | None = None, passwords: Mapping[str, str] | None = None
    ) -> None:
        """`config`: a nats.conf of this machine that listens on 4222 and keeps its streams in /data."""
        from tests.servers.container import ContainerServer

        self._passwords = dict(passwords or {})
        if config is None:
            self._server = ContainerServer(_IMAGE, "-js -sd /data", 4222, port=port)
        else:
            files = {config: "/etc/nats/test.conf"}
            self._server = ContainerServer(_IMAGE, "-c /etc/nats/test.conf", 4222, port=port, files=files)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._server.port}"

    @property
    def process(self) -> Process:
        return self._server.process

    def url_for(self, name: str) -> str:
        return f"nats://{name}:{self._passwords[name]}@127.0.0.1:{self._server.port}"

    async def start(self) -> None:
        await self._server.begin(self._greets)

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO ")
        except OSError:
            return False
        finally:
            writer.close()

    async def stop(self) -> None:
        await self._server.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        self._server.kill()

    def freeze(self) -> None:
        self._server.freeze()

    def thaw(self) -> None:
        self._server.thaw()

    def remove(self) -> None:
        self._server.remove()


async def forget_streams(url: str) -> None:
    """Delete every stream, so that the next test finds an empty server."""
    connection = await nats.connect(url)
    try:
        jetstream = connection.jetstream()
        for stream in await jetstream.streams_info():
            if stream.config.name is not None:
                await jetstream.delete_stream(stream.config.name)
    finally:
        await connection.close()
