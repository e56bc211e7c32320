"""The whole of Replywire on this machine: nats-server, mongod, sandbox mail, the four services and their
front door, each a process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Protocol, Self

from deploy.embedded import binaries, environment, ports
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.kept_secrets import KeptSecrets, keep, write_private
from deploy.embedded.mongod import Mongod
from deploy.embedded.nats_server import NatsServer
from deploy.embedded.processes import Process
from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.service import FRONT_DOOR, Door, Service
from deploy.embedded.settings import SERVICES, StackSettings
from deploy.embedded.supervision import Part, Server, Supervision
from services.runtime.permissions import PROVISION, render_users
from services.runtime.provision import provision

_KEY_LIMIT = 60.0
_STREAM_LIMIT = 2**30  # the server reserves what is declared, and a laptop is no data centre
_MAIL_PORTS = ("imap", "submission", "smtps")


class Database(Server, Protocol):
    """Where documents are: a mongod of ours, or a test's container."""

    @property
    def url(self) -> str: ...

    async def restart(self) -> None: ...

    def kill(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class Bus(Database, Protocol):
    def url_for(self, name: str) -> str: ...


class Stack:
    """`async with Stack(settings) as stack:` - or `start` and `stop`. One folder holds one stack."""

    program: type[Process] = Process
    """How the parts written in Python are started."""
    nats: Bus | None = None
    mongod: Database | None = None
    sandbox: SandboxMail | None = None
    door: Door | None = None

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.folder = settings.folder.resolve()
        self.services: dict[str, Service] = {}
        """By replica: `send`, `send-2`."""
        self._supervision = Supervision()
        self._lock: IO[bytes] | None = None
        self.secrets: KeptSecrets

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def nats_url(self) -> str:
        if self.nats is None:
            assert self.settings.nats_url is not None
            return self.settings.nats_url
        return self.nats.url

    @property
    def mongodb_url(self) -> str:
        if self.mongod is None:
            assert self.settings.mongodb_url is not None
            return self.settings.mongodb_url
        return self.mongod.url

    def nats_url_for(self, user: str) -> str:
        """The address with a user's name and password in it (`product` is the one of applications)."""
        return self.nats_url if self.nats is None else self.nats.url_for(user)

    def url(self, service: str) -> str:
        """Of its first replica's HTTP face."""
        return self.services[service].url

    @property
    def api_url(self) -> str | None:
        """The one address of all services, where there is a front door."""
        return None if self.door is None else self.door.url

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(self._supervision.parts.values())

    def changes(self) -> AsyncIterator[tuple[Part, ...]]:
        """All parts, now and whenever one changes its state: for a live view."""
        return self._supervision.changes()

    async def start(self) -> None:
        """Returns once everything is ready. Raises `EmbeddedError` with the remedy, having stopped what had started."""
        self._prepare()
        try:
            async with ports.one_start_at_a_time() if self.settings.ports else contextlib.nullcontext():
                await self._start()
        except BaseException as failure:
            await self.stop()
            if isinstance(failure, ExceptionGroup):
                for part in failure.exceptions:
                    if isinstance(part, EmbeddedError):
                        raise part from failure
            raise

    def _prepare(self) -> None:
        self._lock = _lock(self.folder)
        self.secrets = keep(self.folder)
        (self.folder / "logs").mkdir(exist_ok=True)

    async def _start(self) -> None:
        await self._add_parts()
        if self.nats is not None:
            await self._up("nats")  # 50 ms, and then no service has to try twice
        async with asyncio.TaskGroup() as starting:
            if self.sandbox is not None:
                starting.create_task(self._up("sandbox_mail"))
            for name in (*self.services, *([FRONT_DOOR] if self.door else ())):
                starting.create_task(self._up(name))
            starting.create_task(self._lay_the_ground())
        write_private(self.folder / environment.RUNNING_FILE, self._whereabouts())

    def _whereabouts(self) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "team": self.settings.team,
            "url": self.api_url,
            "urls": {service: self.url(service) for service in SERVICES},
            "nats_url": self.nats_url_for("product"),
            "operators_nats_url": self.nats_url_for(PROVISION),
            "mongodb_url": self.mongodb_url,
        }

    async def _lay_the_ground(self) -> None:
        """Services start meanwhile: they wait for what they stand on."""
        if self.mongod is not None:
            await self._up("mongod")
        ours = self.nats is not None
        await provision(
            self.nats_url,
            self.mongodb_url,
            user=PROVISION if ours else None,
            password=self.secrets.nats[PROVISION] if ours else None,
            stream_max_bytes=_STREAM_LIMIT,
            ack_wait_seconds=self.settings.ack_wait_seconds,
        )
        team = self.settings.team
        if team is not None and team not in self.secrets.api_keys:
            printed = await self.run_auth("create-key", "--team", team, "--name", "this machine", "--json")
            self.secrets.api_keys[team] = json.loads(printed[-1])["key"]
            self.secrets.save()

    async def _up(self, name: str) -> None:
        await self._supervision.start(name, watch=self.settings.watch)

    async def _add_parts(self) -> None:
        settings = self.settings
        replicas = [
            (service, service if number == 1 else f"{service}-{number}")
            for service in SERVICES
            for number in range(1, settings.replicas.get(service, 1) + 1)
        ]
        doors = [FRONT_DOOR] if settings.front_door else []
        mail = _MAIL_PORTS if settings.sandbox else ()
        names = ["nats", "mongod", *doors, *(name for _, name in replicas), *mail]
        file = self.folder / "ports.json"
        chosen = await ports.choose(names, ports.remembered(file), settings.ports)
        ports.remember(file, chosen)
        if settings.nats_url is None:
            self.nats = self.make_nats(chosen["nats"])
            self._supervision.add("nats", self.nats)
        if settings.mongodb_url is None:
            self.mongod = self.make_mongod(chosen["mongod"])
            self._supervision.add("mongod", self.mongod)
        if settings.sandbox:
            mail_ports = {name: chosen[name] for name in _MAIL_PORTS}
            self.sandbox = SandboxMail(self.folder / "sandbox", users=settings.sandbox_users, ports=mail_ports)
            self.sandbox.prepare()
            self._supervision.add("sandbox_mail", self.sandbox)
        if settings.front_door:
            upstreams = {
                service: [f"127.0.0.1:{chosen[n]}" for s, n in replicas if s == service] for service in SERVICES
            }
            env = {**environment.of_front_door(upstreams, settings.log_level), **settings.env.get(FRONT_DOOR, {})}
            self.door = Door(chosen[FRONT_DOOR], env, self._log(FRONT_DOOR), self.program)
            self._supervision.add(FRONT_DOOR, self.door)
        for service, name in replicas:
            env = {**self.env_of(service), **settings.env.get(service, {}), **settings.env.get(name, {})}
            self.services[name] = Service(name, service, chosen[name], env, self._log(name), self.program)
            self._supervision.add(name, self.services[name])

    async def start_service(self, name: str) -> None:
        """One replica again, after its end, with its `env` as it is now; supervised as at first."""
        await self._supervision.stop(name)
        await self._up(name)

    def make_nats(self, port: int) -> Bus:
        """Raises `NotOnThisPlatform`."""
        binaries.nats_server()
        passwords = self.secrets.nats
        return NatsServer(self.folder / "nats", port=port, authorization=render_users(passwords), passwords=passwords)

    def make_mongod(self, port: int) -> Database:
        """Raises `NotOnThisPlatform`."""
        binaries.mongod()
        return Mongod(
            self.folder / "mongodb",
            port=port,
            uncompressed=self.settings.searchable_files,
            fault_commands=self.settings.fault_commands,
        )

    def env_of(self, service: str) -> dict[str, str]:
        return environment.of_service(
            service,
            self.secrets,
            nats_url=self.nats_url,
            nats_users=self.nats is not None,
            mongodb_url=self.mongodb_url,
            log_level=self.settings.log_level,
            sandbox_ports=() if self.sandbox is None else self.sandbox.open_ports(),
            ca_file=None if self.sandbox is None else self.sandbox.ca_file,
            public_url=self.api_url,
        )

    async def run_auth(self, *arguments: str) -> Sequence[str]:
        """`python -m services.auth …`, an operator's command: the lines it printed. Raises `EmbeddedError`."""
        command = [sys.executable, "-m", "services.auth", *arguments]
        process = self.program("auth", command, self._log("operator"), env=self.env_of("auth"))
        printed = await process.output(_KEY_LIMIT)
        return [line for line in printed.splitlines() if line.strip()]

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    async def stop(self) -> None:
        """Who asks before who answers, and the servers last, so that work in flight can be finished."""
        if self._lock is not None:
            (self.folder / environment.RUNNING_FILE).unlink(missing_ok=True)
        if self.door is not None:
            await self._supervision.stop(FRONT_DOOR)
        for service in reversed(SERVICES):
            names = [name for name, running in self.services.items() if running.service == service]
            await asyncio.gather(*(self._supervision.stop(name) for name in names))
        servers = [name for name in ("sandbox_mail", "nats", "mongod") if name in self._supervision.parts]
        await asyncio.gather(*(self._supervision.stop(name) for name in servers))
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _lock(folder: Path) -> IO[bytes]:
    """Held until the process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise EmbeddedError(f"A stack runs with {folder} already: stop it, or choose another folder.") from None
    return lock
