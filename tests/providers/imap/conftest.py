"""A Dovecot for all tests of this folder, a mailbox of one's own in it, and doors to scripted servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
import trustme

from services.providers.endpoint import IMAP_PASSWORD
from services.providers.errors import ProviderError
from services.providers.imap.session import ImapSession
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.sync import SmtpImapSync
from services.providers.types import Credentials, Folder, FolderRole, HeaderSet, Page
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted_imap import ScriptedImap

LOOPBACK = ("127.0.0.0/8", "::1/128")
INBOX = Folder("INBOX", "INBOX", FolderRole.INBOX)
_users = count(1)


def credentials(
    port: int, security: str = "plain", *, user: str = "ann", password: str = PASSWORD, **more: object
) -> Credentials:
    server = {"host": "localhost", "port": port, "security": security, "username": user}
    settings = {"smtp": {**server, "host": "smtp.example.com"}, "imap": {**server, **more}}
    secret = {IMAP_PASSWORD: password, "access_token": "token"}
    return Credentials(f"account-{user}", "team", "smtp_imap", f"{user}@example.com", settings, secret)


@dataclass(slots=True)
class Mailbox:
    """One user of the shared Dovecot, whom no other test knows."""

    dovecot: Dovecot
    user: str
    sessions: list[ImapSession] = field(default_factory=list)

    @property
    def policy(self) -> ConnectPolicy:
        ports = (self.dovecot.imap_port, self.dovecot.imaps_port)
        return ConnectPolicy(allowed_networks=LOOPBACK, extra_ports=ports, ca_file=self.dovecot.ca_file)

    def credentials(self, security: str = "tls", **more: object) -> Credentials:
        port = self.dovecot.imaps_port if security == "tls" else self.dovecot.imap_port
        return credentials(port, security, user=self.user, **more)  # type: ignore[arg-type]

    def deliver(self, *messages: bytes, folder: str = "INBOX", received: float | None = None) -> None:
        self.dovecot.deliver(self.user, *messages, folder=folder, received=received)

    async def open(self, security: str = "tls") -> ImapSession:
        session = await SmtpImapSync(self.policy).open(self.credentials(security))
        self.sessions.append(session)
        return session


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    server = Dovecot()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    server.remove()


@pytest.fixture
async def mailbox(dovecot: Dovecot) -> AsyncIterator[Mailbox]:
    made = Mailbox(dovecot, f"user{next(_users)}")
    yield made
    for session in made.sessions:
        await session.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
async def script() -> AsyncIterator[ScriptedImap]:
    """A scripted server without TLS."""
    async with ScriptedImap().running() as server:
        yield server


@contextlib.asynccontextmanager
async def session_with(
    server: ScriptedImap, security: str = "plain", ca_file: str | None = None, **more: object
) -> AsyncIterator[ImapSession]:
    policy = ConnectPolicy(allowed_networks=LOOPBACK, extra_ports=(server.port,), ca_file=ca_file)
    session = await SmtpImapSync(policy).open(credentials(server.port, security, **more))  # type: ignore[arg-type]
    try:
        yield session
    finally:
        await session.close()


async def pages(session: ImapSession, cursor: str, folder: Folder = INBOX) -> list[Page]:
    return [page async for page in session.changes(folder, cursor)]


async def news(session: ImapSession, cursor: str, folder: Folder = INBOX) -> list[HeaderSet]:
    return [header for page in await pages(session, cursor, folder) for header in page.headers]


async def entered(server: ScriptedImap, security: str = "plain", ca_file: str | None = None, **more: object) -> None:
    async with session_with(server, security, ca_file, **more):
        pass


async def refused(work: Coroutine[object, object, object]) -> ProviderError:
    async with asyncio.timeout(20):
        with pytest.raises(ProviderError) as raised:
            await work
    return raised.value


def subjects(headers: Iterable[HeaderSet]) -> list[str]:
    return [line for header in headers for line in header.block.decode().split("\r\n") if line.startswith("Subject")]
