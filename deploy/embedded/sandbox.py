"""The sandbox mail server as a process of its own: its ports, its users, its certificate authority, its ledger."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.embedded.errors import DidNotStart, EmbeddedError, PortTaken
from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import Process, listens
from deploy.embedded.sandbox_mail.certificates import CA_FILE, keep_authority
from deploy.embedded.sandbox_mail.settings import DEFAULT_USERS

_START_LIMIT = 30.0


class SandboxMail:
    """Keeps its ports over restarts. `ports` names some of `imap`, `submission`, `smtps`, `plain_imap`, `plain_smtp`;
    the first three are chosen where they are not named, the plain ones stay closed."""

    def __init__(
        self, folder: Path, *, users: Mapping[str, str] | None = None, ports: Mapping[str, int] | None = None
    ) -> None:
        self.folder = folder
        self.users = dict(users if users is not None else DEFAULT_USERS)
        self.ports = dict(ports or {})
        self.ca_file = folder / "tls" / CA_FILE
        self.ledger_file = folder / "accepted.jsonl"
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        if self._process is None:
            raise EmbeddedError("the sandbox mail server was never started")
        return self._process

    def prepare(self) -> None:
        """Make `ca_file`, which the services read while this server is still starting."""
        keep_authority(self.ca_file.parent)

    async def start(self) -> None:
        """Start it (again) and return once every port answers. Raises `PortTaken`, `DidNotStart`."""
        for name in ("imap", "submission", "smtps"):
            self.ports.setdefault(name, free_port())
        for name, port in self.ports.items():
            if await listens(port):
                raise PortTaken(f"Port {port} is taken: choose another one for the sandbox's {name}.")
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {f"REPLYWIRE_SANDBOX_{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        settings |= {
            "REPLYWIRE_SANDBOX_FOLDER": str(self.folder),
            "REPLYWIRE_SANDBOX_USERS": json.dumps(self.users),
        }
        command = [sys.executable, "-m", "deploy.embedded.sandbox_mail"]
        self._process = process = Process(
            "sandbox_mail", command, self.folder / "sandbox_mail.log", env={**os.environ, **settings}
        )
        process.launch()

        async def all_listen() -> bool:
            return all([await listens(port) for port in self.ports.values()])

        try:
            await process.until(all_listen, _START_LIMIT)
        except DidNotStart:
            process.kill()
            raise

    async def stop(self) -> None:
        if self._process is not None and self._process.running:
            await self._process.stop()

    def settings_for(self, address: str) -> dict[str, Any]:
        """What connects this user's mailbox as the client `smtp_imap`, without its password."""
        return {
            "smtp": {
                "host": "localhost",
                "port": self.ports["submission"],
                "security": "starttls",
                "username": address,
            },
            "imap": {"host": "localhost", "port": self.ports["imap"], "security": "tls", "username": address},
        }

    def open_ports(self) -> Sequence[int]:
        """The ports that a `ConnectPolicy` has to allow as `extra_ports`."""
        return tuple(self.ports.values())
