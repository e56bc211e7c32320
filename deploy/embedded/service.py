"""One replica of one of the four services as a process: `python -m services.<name>`, ready when its /ready says so; and
the front door before them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.errors import DidNotStart
from deploy.embedded.processes import Process

_START_LIMIT = 60.0
_STOP_LIMIT = 40.0
_ASKING_LIMIT = 3.0


FRONT_DOOR = "front_door"


class Service:
    """`name` is the service's for the first replica, else with its number: `send`, `send-2`."""

    _package = "services"
    _asked = "/ready"

    def __init__(
        self,
        name: str,
        service: str,
        port: int,
        env: Mapping[str, str],
        log: Path,
        program: type[Process] = Process,
    ) -> None:
        self.name = name
        self.service = service
        self.port = port
        self.env = dict(env)
        self._log = log
        self._program = program
        self.process = self._process()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _process(self) -> Process:
        env = {**self.env, "REPLYWIRE_HTTP_HOST": "127.0.0.1", "REPLYWIRE_HTTP_PORT": str(self.port)}
        command = [sys.executable, "-m", f"{self._package}.{self.service}"]
        return self._program(self.name, command, self._log, env=env)

    def launch(self) -> None:
        """Start it without waiting; a changed `env` counts from here on."""
        self.process = self._process()
        self.process.launch()

    async def start(self) -> None:
        """Start it and return once it is ready. Raises `DidNotStart`, with what it says is missing."""
        self.launch()
        await self.until_ready()

    async def until_ready(self, timeout: float = _START_LIMIT) -> None:
        answer = ""

        async def is_ready() -> bool:
            nonlocal answer
            status, answer = await self.ask(self._asked)
            return status == 200

        try:
            await self.process.until(is_ready, timeout)
        except DidNotStart as error:
            raise DidNotStart(f"{error}\nIts {self._asked} said: {answer or 'nothing'}") from None

    async def ask(self, path: str) -> tuple[int, str]:
        """GET, by hand because nothing here needs an HTTP client: status and body; (0, "") without an answer."""
        try:
            async with asyncio.timeout(_ASKING_LIMIT):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                finally:
                    writer.close()
            return int(head.split(b" ", 2)[1]), body.decode()
        except (OSError, TimeoutError, IndexError, ValueError):
            return 0, ""

    async def stop(self) -> None:
        if self.process.running:
            await self.process.stop(grace=_STOP_LIMIT)


class Door(Service):
    """`python -m deploy.front_door`: live at once, for it waits for nobody."""

    _package = "deploy"
    _asked = "/live"

    def __init__(self, port: int, env: Mapping[str, str], log: Path, program: type[Process] = Process) -> None:
        super().__init__(FRONT_DOOR, FRONT_DOOR, port, env, log, program)
