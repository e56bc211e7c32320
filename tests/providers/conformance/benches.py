"""The benches: memory; Dovecot with Postfix's smtp-sink; the sandbox mail server that the demo runs on."""

from __future__ import annotations

import asyncio
import imaplib
import socket
import ssl
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.sandbox_mail import ledger
from services.providers import memory, registry
from services.providers.memory.world import World
from services.providers.protocols import Client, ConnectPolicy
from services.providers.types import Credentials
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.gmail import SENT, Gmail
from tests.servers.smtp_sink import SmtpSink

_USERS = count(1)
SANDBOX_USERS = {f"user{number}@example.com": f"password-{number}" for number in range(1, 101)}


def credentials(client: str, address: str, settings: dict[str, Any], secret: dict[str, str]) -> Credentials:
    return Credentials(f"account-of-{address}", "t1", client, address, settings, secret)


@dataclass(slots=True)
class MemoryBench:
    world: World = field(default_factory=World)
    policy: ConnectPolicy = field(default_factory=ConnectPolicy)
    address: str = "ada@example.com"
    recipient: str = "bob@example.org"
    backlog: int = 1201
    sent_folder: str = "Sent"
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = memory.client(self.world)
        self.world.add_account(self.address)

    def credentials(self) -> Credentials:
        return credentials("memory", self.address, {}, {"password": "secret"})

    async def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        self.world.deliver(self.address, *raws, folder=folder)

    async def taken(self) -> list[str]:
        return [outgoing.message_id for outgoing in self.world.ledger]

    async def in_sent(self) -> list[bytes]:
        return [mail.raw for mail in self.world.accounts[self.address].folders["Sent"].mails]


@dataclass(slots=True)
class DovecotBench:
    dovecot: Dovecot
    sink: SmtpSink
    user: str = field(default_factory=lambda: f"user{next(_USERS)}")
    recipient: str = "bob@example.org"
    backlog: int = 1201
    sent_folder: str = "Sent"
    client: Client = field(default_factory=lambda: registry.client("smtp_imap"))

    @property
    def address(self) -> str:
        return f"{self.user}@example.com"

    @property
    def policy(self) -> ConnectPolicy:
        ports = (self.dovecot.imaps_port, self.sink.port)
        return ConnectPolicy(
            allowed_networks=("127.0.0.0/8", "::1/128"), extra_ports=ports, ca_file=self.dovecot.ca_file
        )

    def credentials(self) -> Credentials:
        smtp = {"host": "127.0.0.1", "port": self.sink.port, "security": "plain", "username": self.user}
        imap = {"host": "localhost", "port": self.dovecot.imaps_port, "security": "tls", "username": self.user}
        secret = {"smtp_password": PASSWORD, "imap_password": PASSWORD}
        return credentials("smtp_imap", self.address, {"smtp": smtp, "imap": imap}, secret)

    async def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        self.dovecot.deliver(self.user, *raws, folder=folder)

    async def taken(self) -> list[str]:
        return self.sink.message_ids()

    async def in_sent(self) -> list[bytes]:
        return self.dovecot.messages(self.user, "Sent")


@dataclass(slots=True)
class GmailBench:
    gmail: Gmail
    smtp: str = "tls"
    """How its SMTP connections are protected: from the start (465), or by STARTTLS (587)."""
    address: str = field(default_factory=lambda: f"user{next(_USERS)}@example.com")
    recipient: str = "bob@example.org"
    backlog: int = 1201
    sent_folder: str = SENT
    client: Client = field(default_factory=lambda: registry.client("gmail"))
    _token: str = field(default="", repr=False)

    @property
    def policy(self) -> ConnectPolicy:
        return ConnectPolicy(
            allowed_networks=("127.0.0.0/8", "::1/128"),
            extra_ports=self.gmail.ports,
            ca_file=self.gmail.dovecot.ca_file,
            hosts=self.gmail.hosts(self.smtp),
        )

    def credentials(self) -> Credentials:
        if not self._token:
            self._token = self.gmail.token(self.address)
        return credentials("gmail", self.address, {}, {"access_token": self._token})

    async def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        self.gmail.dovecot.deliver(self.address, *raws, folder=folder)

    async def taken(self) -> list[str]:
        return self.gmail.sink.message_ids()

    async def in_sent(self) -> list[bytes]:
        return self.gmail.dovecot.messages(self.address, "Sent")


@dataclass(slots=True)
class SandboxBench:
    sandbox: SandboxMail
    address: str = field(default_factory=lambda: f"user{next(_USERS) % 100 + 1}@example.com")
    recipient: str = "user1@example.com"
    backlog: int = 501
    sent_folder: str = "Sent"
    client: Client = field(default_factory=lambda: registry.client("smtp_imap"))

    @property
    def policy(self) -> ConnectPolicy:
        return ConnectPolicy(
            allowed_networks=("127.0.0.0/8", "::1/128"),
            extra_ports=tuple(self.sandbox.open_ports()),
            ca_file=str(self.sandbox.ca_file),
        )

    def credentials(self) -> Credentials:
        password = SANDBOX_USERS[self.address]
        secret = {"smtp_password": password, "imap_password": password}
        return credentials("smtp_imap", self.address, self.sandbox.settings_for(self.address), secret)

    async def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        await asyncio.to_thread(self._append, raws, folder)

    async def taken(self) -> list[str]:
        return [accepted.message_id for accepted in ledger.read(Path(self.sandbox.ledger_file))]

    async def in_sent(self) -> list[bytes]:
        return await asyncio.to_thread(self._read, "Sent")

    def _append(self, raws: tuple[bytes, ...], folder: str) -> None:
        with self._logged_in() as imap:
            for raw in raws:
                answer, _ = imap.append(folder, "", "", raw)
                assert answer == "OK"

    def _read(self, folder: str) -> list[bytes]:
        with self._logged_in() as imap:
            imap.select(folder, readonly=True)
            numbers = imap.search(None, "ALL")[1][0].split()
            answers = [imap.fetch(number.decode(), "(BODY.PEEK[])")[1][0] for number in numbers]
        return [answer[1] for answer in answers if isinstance(answer, tuple)]

    def _logged_in(self) -> imaplib.IMAP4_SSL:
        trusted = ssl.create_default_context(cafile=str(self.sandbox.ca_file))
        imap = imaplib.IMAP4_SSL("localhost", self.sandbox.ports["imap"], ssl_context=trusted)
        imap.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # it writes a literal and its end apart
        imap.login(self.address, SANDBOX_USERS[self.address])
        return imap
