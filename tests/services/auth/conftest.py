"""auth running in this process on a real bus, a real database and real mail servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from replywire_contracts.nats import Replywire
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth

from services.auth import commands
from services.auth.adapters.indexes import INDEXES
from services.auth.app import build
from services.auth.domain.announcements import AccountEvent
from services.auth.settings import Settings
from services.runtime.app import App
from services.runtime.credentials import CredentialsCache
from services.runtime.mongo import open_client
from services.runtime.provision import create_indexes, provision_bus
from services.runtime.rpc import RpcClient
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.servers.scripted_smtp import running as smtp_running

TEAM = "acme"


@dataclass(frozen=True)
class Mail:
    """A mailbox provider: a real Dovecot for reading, an SMTP server that a test can tell what to say."""

    dovecot: Dovecot
    smtp: ScriptedSmtp

    def settings(self, **changed: Mapping[str, Any]) -> dict[str, Any]:
        smtp = {"host": "localhost", "port": self.smtp.port, "security": "plain"}
        imap = {"host": "localhost", "port": self.dovecot.imaps_port, "security": "tls"}
        return {"smtp": smtp | dict(changed.get("smtp", {})), "imap": imap | dict(changed.get("imap", {}))}

    def body(self, address: str = "ada@example.com", **changed: Any) -> dict[str, Any]:
        return {
            "client": "smtp_imap",
            "address": address,
            "settings": self.settings(),
            "secret": {"password": PASSWORD},
        } | changed

    @property
    def policy(self) -> dict[str, Any]:
        """What the operator must allow for these servers."""
        return {
            "allowed_networks": ("127.0.0.0/8", "::1/128"),
            "extra_ports": (self.smtp.port, self.dovecot.imaps_port),
            "ca_file": Path(self.dovecot.ca_file),
        }


@dataclass
class Auth:
    app: App
    settings: Settings
    rpc: RpcClient
    leases: CredentialsCache
    product: Replywire
    mail: Mail
    events: asyncio.Queue[AccountEvent] = field(default_factory=asyncio.Queue)

    async def key(self, team: str = TEAM, *scopes: str) -> str:
        """A new API key, as an operator makes one; with every scope where none is named."""
        from services.auth.domain.scopes import SCOPES

        printed: list[str] = []
        await commands.create_key(self.settings, team, scopes or tuple(SCOPES), "test", False, printed.append)
        return printed[0]

    async def api(self, team: str = TEAM, *scopes: str) -> httpx.AsyncClient:
        return self.client(await self.key(team, *scopes))

    def client(self, key: str | None) -> httpx.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        url = f"http://127.0.0.1:{self.app.server.port}"
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=30)

    async def next_event(self) -> AccountEvent:
        async with asyncio.timeout(20):
            return await self.events.get()

    async def connect(self, api: httpx.AsyncClient, address: str = "ada@example.com", **changed: Any) -> str:
        answer = await api.post("/v1/accounts", json=self.mail.body(address, **changed))
        assert answer.status_code in (200, 201), answer.text
        account_id: str = answer.json()["account_id"]
        return account_id


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    server = Dovecot()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    server.remove()


@pytest.fixture
async def mail(dovecot: Dovecot) -> AsyncIterator[Mail]:
    async with smtp_running(ScriptedSmtp()) as smtp:
        yield Mail(dovecot, smtp)


@pytest.fixture
def ring_file(tmp_path: Path) -> Path:
    path = tmp_path / "ring.json"
    commands.new_key_ring(path, False, lambda _: None)
    return path


@pytest.fixture
async def settings(nats_url: str, mongodb_url: str, mongodb_database: str, mail: Mail, ring_file: Path) -> Settings:
    return await provisioned(
        Settings(
            nats_url=nats_url,
            mongodb_url=mongodb_url,
            mongodb_database=mongodb_database,
            http_port=0,
            key_ring=str(ring_file),
            graceful_timeout=5,
            **mail.policy,
        )
    )


async def provisioned(settings: Settings) -> Settings:
    client = open_client(settings.mongodb_url)
    await create_indexes(client, settings.mongodb_database, INDEXES)
    client.close()
    connection = await nats.connect(settings.nats_url)
    await provision_bus(connection, stream_max_bytes=64 * 2**20)
    await connection.close()
    return settings


@contextlib.asynccontextmanager
async def running(settings: Settings, mail: Mail) -> AsyncIterator[Auth]:
    """The service, ready, and a product that hears its events."""
    app = build(settings)
    started = asyncio.Event()

    async def note_start() -> None:
        started.set()

    app.task(note_start)
    run = asyncio.create_task(app.run())
    asker = await nats.connect(settings.nats_url)
    rpc = RpcClient(asker)
    product = await Replywire.connect(settings.nats_url)
    auth = Auth(app, settings, rpc, CredentialsCache(rpc), product, mail)
    listening = asyncio.Event()

    async def listen() -> None:
        kinds = (AccountConnected, AccountNeedsReauth, AccountDisconnected)
        async with product.subscribe(*kinds, durable="test-auth") as events:
            listening.set()
            async for event in events:
                assert isinstance(event, kinds)
                auth.events.put_nowait(event)

    listener = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(30):
            await started.wait()
            await listening.wait()
        yield auth
    finally:
        app.stop()
        await run
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await product.connection.close()
        await asker.close()


@pytest.fixture
async def auth(settings: Settings, mail: Mail) -> AsyncIterator[Auth]:
    async with running(settings, mail) as started:
        yield started
