"""The whole of Replywire for a test: four real services on real servers, each replica of which can be hurt."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from replywire_contracts.nats import Replywire

from deploy.embedded.nats_config import render
from deploy.embedded.processes import Process
from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.service import Service
from deploy.embedded.settings import StackSettings
from deploy.embedded.stack import Stack
from services.runtime import promises
from services.runtime.permissions import render_users
from tests.servers.choice import CONTAINERS, chosen
from tests.servers.mongod import ContainerMongo
from tests.servers.nats_server import ContainerNats
from tests.servers.warm import WarmProcess

TEAM = "acme"
_DEBUGGABLE = StackSettings(team=TEAM, ports={}, watch=False, front_door=False, log_level="DEBUG")
"""Any free ports; what is killed stays dead until the test starts it again. `front_door=True` adds the one address."""


class RunningStack:
    """`stack` with what tests do to it. Names of replicas: `send`, `send-2`."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @property
    def sandbox(self) -> SandboxMail:
        assert self.stack.sandbox is not None
        return self.stack.sandbox

    def service(self, name: str) -> Service:
        return self.stack.services[name]

    def log(self, name: str) -> str:
        return self.service(name).process.log.read_text(errors="replace")

    # -- hurting -----------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """SIGKILL; returns once it is dead."""
        self.service(name).process.kill()

    def freeze(self, name: str) -> None:
        self.service(name).process.freeze()

    def thaw(self, name: str) -> None:
        self.service(name).process.thaw()

    async def died(self, name: str, timeout: float = 60.0) -> int:
        """Wait for its end (at a failpoint): the exit status, -9 for SIGKILL."""
        async with asyncio.timeout(timeout):
            return await self.service(name).process.ended()

    async def start(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Start a replica again; `env` is added to its environment (an empty value takes a variable away)."""
        service = self.service(name)
        for variable, value in (env or {}).items():
            if value:
                service.env[variable] = value
            else:
                service.env.pop(variable, None)
        await self.stack.start_service(name)

    async def restart(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """SIGTERM, drained, and started again."""
        await self.service(name).stop()
        await self.start(name, env)

    async def all_ready(self) -> None:
        for service in self.stack.services.values():
            await service.until_ready()

    def require_promises_kept(self) -> None:
        """No service has given an answer that the API's document does not describe."""
        for service in self.stack.services.values():
            lines = service.process.log.read_text(errors="replace").splitlines()
            unpromised = [line for line in lines if promises.WORDS in line]
            assert not unpromised, f"{service.name}: {unpromised[:3]}"

    # -- using -------------------------------------------------------------------------------------------------------

    def api(self, service: str, team: str = TEAM) -> httpx.AsyncClient:
        """A client of the service's HTTP face with the team's API key."""
        key = self.stack.secrets.api_keys[team]
        return httpx.AsyncClient(
            base_url=self.stack.url(service), headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    async def new_key(self, team: str) -> None:
        """From here on `api(..., team=team)` works."""
        printed = await self.stack.run_auth("create-key", "--team", team)
        self.stack.secrets.api_keys[team] = printed[-1]

    @contextlib.asynccontextmanager
    async def product(self) -> AsyncIterator[Replywire]:
        """The bus as an application sees it."""
        replywire = await Replywire.connect(self.stack.nats_url_for("product"), inbox_prefix=b"_INBOX_product")
        try:
            yield replywire
        finally:
            await replywire.connection.close()

    async def connect_mailbox(self, address: str = "alice@example.com", team: str = TEAM, **settings: Any) -> str:
        """Connect one of the sandbox's mailboxes over the HTTP API: its account id. `settings` replace some."""
        body = {
            "client": "smtp_imap",
            "address": address,
            "settings": self.sandbox.settings_for(address) | settings,
            "secret": {"password": self.sandbox.users[address]},
        }
        async with self.api("auth", team) as api:
            answer = await api.post("/v1/accounts", json=body)
        assert answer.status_code in (200, 201), answer.text
        account_id: str = answer.json()["account_id"]
        return account_id


class _ContainerStack(Stack):
    """The same services, with NATS and MongoDB in containers. Their files cannot be searched from here."""

    def make_nats(self, port: int) -> ContainerNats:
        config = self.folder / "nats.conf"
        authorization = render_users(self.secrets.nats)
        config.write_text(render(port=4222, host="0.0.0.0", store=Path("/data"), authorization=authorization))
        return ContainerNats(port=port, config=config, passwords=self.secrets.nats)

    def make_mongod(self, port: int) -> ContainerMongo:
        return ContainerMongo(port=port, fault_commands=self.settings.fault_commands)

    async def stop(self) -> None:
        await super().stop()
        for server in (self.nats, self.mongod):
            if isinstance(server, ContainerNats | ContainerMongo):
                server.remove()


def make(folder: Path, settings: StackSettings = _DEBUGGABLE, *, forked: bool = True, **changes: Any) -> RunningStack:
    """One that is not started yet. `changes` are fields of `StackSettings`: `replicas={"send": 2}`,
    `env={"send": {"REPLYWIRE_FAILPOINTS": "send.after_intent=kill"}}`, `searchable_files=True`, `sandbox_users={}`.
    Not `forked`: each service is a Python of its own, as it is where people deploy it."""
    kind = _ContainerStack if chosen() == CONTAINERS else Stack
    stack = kind(replace(settings, folder=folder, **changes))
    stack.program = WarmProcess if forked else Process
    return RunningStack(stack)


@contextlib.asynccontextmanager
async def running(folder: Path, settings: StackSettings = _DEBUGGABLE, **changes: Any) -> AsyncIterator[RunningStack]:
    """As `make`, started, and stopped at the end."""
    made = make(folder, settings, **changes)
    async with made.stack:
        yield made
    made.require_promises_kept()
