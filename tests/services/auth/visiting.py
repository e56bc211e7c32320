"""A person's browser without its looks: follows a link, keeps the cookie, sends the forms that the pages hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.embedded.free_ports import free_port
from services.auth import commands
from services.auth.domain.page_session import form_token_of
from services.auth.settings import Settings
from tests.servers import mongod as mongod_server
from tests.servers import nats_server as bus_server
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.servers.scripted_smtp import running as smtp_running
from tests.services.auth.conftest import Auth, Mail, provisioned, running

RETURN_TO = "https://app.example.com/mailboxes?tab=mail"


@contextlib.asynccontextmanager
async def auth_for_people(
    nats_url: str,
    mongodb_url: str,
    dovecot: Dovecot,
    folder: Path,
    *,
    more_ports: tuple[int, ...] = (),
    more_trust: str = "",
    **changed: Any,
) -> AsyncIterator[Auth]:
    """auth at an address that browsers are told beforehand, for a whole file: each test takes a `Team` of its own.
    `more_ports` and `more_trust` (PEM) are allowed besides those of its mail servers."""
    database, ring, port = f"test_{uuid4().hex}", folder / "ring.json", free_port()
    commands.new_key_ring(ring, False, lambda _: None)
    async with smtp_running(ScriptedSmtp()) as smtp:
        mail = Mail(dovecot, smtp)
        trusted = folder / "trusted.pem"
        trusted.write_text(Path(dovecot.ca_file).read_text() + more_trust)
        policy = mail.policy
        policy |= {"ca_file": trusted, "extra_ports": (*policy["extra_ports"], *more_ports)}
        settings = Settings(
            nats_url=nats_url,
            mongodb_url=mongodb_url,
            mongodb_database=database,
            http_port=port,
            public_url=f"http://127.0.0.1:{port}",
            key_ring=str(ring),
            graceful_timeout=5,
            **(policy | changed),
        )
        async with running(await provisioned(settings), mail) as auth:
            yield auth
    await bus_server.forget_streams(nats_url)
    await asyncio.to_thread(mongod_server.drop, mongodb_url, database)


@dataclass
class Browser:
    """What a browser does: `post` sends the token that the page's own forms carry."""

    http: httpx.AsyncClient
    origin: str

    @property
    def token(self) -> str:
        return form_token_of(next(iter(self.http.cookies.values())))

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        return await self.http.post(path, data={"form_token": self.token, **fields}, headers={"Origin": self.origin})


@dataclass
class Team:
    auth: Auth
    name: str = field(default_factory=lambda: f"team-{uuid4().hex[:10]}")
    client: httpx.AsyncClient | None = None

    async def api(self) -> httpx.AsyncClient:
        if self.client is None:
            self.client = await self.auth.api(self.name)
        return self.client

    async def link(self, purpose: str = "connect", **more: Any) -> str:
        body = {"purpose": purpose, "person": "user-1", "return_to": RETURN_TO, **more}
        answer = await (await self.api()).post("/v1/links", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["url"])

    async def visit(self, purpose: str = "connect", **more: Any) -> Browser:
        """A browser that has followed a link."""
        browser = Browser(
            httpx.AsyncClient(base_url=self.auth.settings.public_url, timeout=30), self.auth.settings.public_url
        )
        answer = await browser.get(await self.link(purpose, **more))
        assert answer.status_code == 303, answer.text
        return browser

    async def nothing_is_left(self) -> None:
        """Not a trace of a mailbox that did not work."""
        db = self.auth.app.db
        assert await db["accounts"].count_documents({"team_id": self.name}) == 0
        left = {"team_id": self.name, "action": {"$regex": "^account"}}
        assert await db["audit"].count_documents(left) == 0

    def fields(self, address: str = "ada@example.com", **changed: Any) -> dict[str, Any]:
        """The SMTP/IMAP form as a person fills it in for the test's servers."""
        mail = self.auth.mail
        return {
            "address": address, "password": PASSWORD,
            "imap_host": "localhost", "imap_port": str(mail.dovecot.imaps_port), "imap_security": "tls",
            "smtp_host": "localhost", "smtp_port": str(mail.smtp.port), "smtp_security": "plain",
            **changed,
        }  # fmt: skip

    async def connected(self, browser: Browser, address: str = "ada@example.com") -> str:
        answer = await browser.post("/connect/smtp_imap", **self.fields(address))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].partition("?")[0].rpartition("/")[2]
