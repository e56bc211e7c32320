"""A server in a Docker container with the same face as an embedded one, its port fixed over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from testcontainers.core.container import DockerContainer

from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import Process


class ContainerServer:
    def __init__(
        self,
        image: str,
        command: str,
        inside_port: int,
        *,
        port: int | None = None,
        files: Mapping[Path, str] | None = None,
    ) -> None:
        """`files` of this machine are seen, read-only, under those names inside."""
        self.port = port or free_port()
        self._container = DockerContainer(image).with_command(command).with_bind_ports(inside_port, self.port)
        for file, inside in (files or {}).items():
            self._container.with_volume_mapping(str(file), inside, "ro")
        self._started = False

    @property
    def process(self) -> Process:
        raise NotImplementedError("a container is no process of ours: its log is `docker logs`")

    @property
    def _docker(self) -> Any:
        return self._container.get_wrapped_container()

    async def begin(self, answers: Callable[[], Awaitable[bool]], timeout: float = 60.0) -> None:
        """Start it (again), and ask until it answers. Docker tells no other sign of readiness."""
        if self._started:
            await asyncio.to_thread(self._docker.start)
        else:
            await asyncio.to_thread(self._container.start)
            self._started = True
        async with asyncio.timeout(timeout):
            while not await answers():
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        await asyncio.to_thread(self._docker.stop)

    def kill(self) -> None:
        self._docker.kill()
        self._docker.wait()

    def freeze(self) -> None:
        self._docker.pause()

    def thaw(self) -> None:
        self._docker.unpause()

    def remove(self) -> None:
        self._container.stop()

    def exec(self, *command: str) -> tuple[int, str]:
        status, output = self._docker.exec_run(list(command))
        return status, output.decode()
