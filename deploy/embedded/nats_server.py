"""A real nats-server with JetStream on this machine, its data kept in a folder."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded import binaries
from deploy.embedded.errors import DidNotStart, EmbeddedError, PortTaken
from deploy.embedded.free_ports import free_port
from deploy.embedded.nats_config import render
from deploy.embedded.processes import Process, listens

CONFIG_FILE, PID_FILE = "nats.conf", "nats-server.pid"
_START_LIMIT = 30.0
_TRIES = 5
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")


class NatsServer:
    """Keeps its port over restarts, so that clients find it again. `authorization` is the configuration's block of
    users (`services.runtime.permissions.render_users`), `passwords` theirs by name."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        authorization: str = "",
        passwords: Mapping[str, str] | None = None,
        max_payload: int = 1024 * 1024,
    ) -> None:
        for name, password in (passwords or {}).items():
            # nats-py takes both from a URL as they stand: it does not undo percent-encoding.
            if not (_PLAIN.fullmatch(name) and _PLAIN.fullmatch(password)):
                raise ValueError(f"NATS user {name!r}: names and passwords are letters, digits and . _ ~ - only")
        self.folder = folder
        self.store = folder / "jetstream"
        self.passwords = dict(passwords or {})
        self._authorization = authorization
        self._max_payload = max_payload
        self._fixed_port = port is not None
        self.port = port or 0
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Without a user: what is open to everybody, or what a user's name is added to."""
        return f"nats://127.0.0.1:{self.port}"

    def url_for(self, name: str) -> str:
        if name not in self.passwords:
            raise EmbeddedError(f"nats-server was given no user {name!r}; it has {sorted(self.passwords)}")
        return f"nats://{name}:{self.passwords[name]}@127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        if self._process is None:
            raise EmbeddedError("nats-server was never started")
        return self._process

    async def start(self) -> None:
        """Start it (again) and return once it serves. Raises `NotOnThisPlatform`, `PortTaken`, `DidNotStart`."""
        for attempt in range(1, _TRIES + 1):
            if not self.port:
                self.port = free_port()
            try:
                await self._start_once()
                return
            except PortTaken:
                if self._fixed_port or attempt == _TRIES:
                    raise
                self.port = 0
        raise AssertionError("unreachable")

    async def _start_once(self) -> None:
        if await listens(self.port):
            raise PortTaken(f"Port {self.port} is taken: choose another one for NATS.")
        self.store.mkdir(parents=True, exist_ok=True)
        config = self.folder / CONFIG_FILE
        config.touch(mode=0o600)
        text = render(
            port=self.port,
            store=self.store,
            authorization=self._authorization,
            max_payload=self._max_payload,
            pid_file=self.folder / PID_FILE,
        )
        config.write_text(text)
        if self._process is None or str(config) not in self._process.command:
            command = [str(binaries.nats_server()), "--config", str(config)]
            self._process = Process("nats-server", command, self.folder / "nats-server.log")
        self._process.launch()
        try:
            await self._process.until(self._greets, _START_LIMIT)
        except DidNotStart as error:
            self._process.kill()
            if "address already in use" in str(error):
                raise PortTaken(f"Port {self.port} is taken: choose another one for NATS. {error}") from error
            raise
        self._fixed_port = True

    async def _greets(self) -> bool:
        """It listens only once its streams are recovered, and greets every client with INFO."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"INFO ") and self.process.running
        except OSError:
            return False
        finally:
            writer.close()

    async def stop(self) -> None:
        if self._process is not None and self._process.running:
            await self._process.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        self.process.kill()

    def freeze(self) -> None:
        self.process.freeze()

    def thaw(self) -> None:
        self.process.thaw()
