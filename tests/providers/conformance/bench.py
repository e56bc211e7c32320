"""What the suite needs of a client's servers, whichever they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from services.providers.protocols import Client, ConnectPolicy
from services.providers.types import Credentials, Envelope, Outgoing, Phase

_NUMBERS = count(1)


class Bench(Protocol):
    """One mailbox of one client, fresh for one test."""

    @property
    def client(self) -> Client: ...

    @property
    def policy(self) -> ConnectPolicy: ...

    @property
    def address(self) -> str: ...

    @property
    def recipient(self) -> str:
        """Somebody whom the server takes mail for."""
        ...

    @property
    def backlog(self) -> int:
        """More messages than come in one page, and no more than can be delivered within seconds."""
        ...

    def credentials(self) -> Credentials: ...

    async def deliver(self, *raws: bytes, folder: str = "INBOX") -> None:
        """Put messages into the mailbox from outside."""
        ...

    async def taken(self) -> list[str]:
        """The Message-IDs that the sending side accepted, with repetitions; other tests' among them."""
        ...

    async def in_sent(self) -> list[bytes]:
        """What lies in the Sent folder."""
        ...

    @property
    def sent_folder(self) -> str:
        """As people see it."""
        ...


def message(bench: Bench, *recipients: str) -> Outgoing:
    """One that was never sent before."""
    own = f"<conformance-{next(_NUMBERS)}@example.com>"
    mime = (
        f"From: {bench.address}\r\nTo: {bench.recipient}\r\nSubject: Conformance\r\nMessage-ID: {own}\r\n"
        f"X-Replywire-Id: c-1\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHello\r\n.a dot\r\n"
    )
    return Outgoing(Envelope(bench.address, recipients or (bench.recipient,)), mime.encode(), own, "c-1")


def mail(number: int, *, more: str = "", body: str = "secret body") -> bytes:
    """One that somebody else sent."""
    return (
        f"Return-Path: <bob@example.org>\r\nReceived: from x by y\r\nMessage-ID: <in-{number}@example.org>\r\n"
        f"From: Bob <bob@example.org>\r\nTo: ada@example.com\r\nSubject: Number {number}\r\nX-Private: hidden\r\n"
        f"{more}Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n{body}\r\n"
    ).encode()


@dataclass(slots=True)
class Noted:
    """A checkpoint that remembers."""

    phases: list[Phase] = field(default_factory=list)
    fails_at: Phase | None = None

    async def __call__(self, phase: Phase, handle: str | None = None) -> None:
        self.phases.append(phase)
        if phase is self.fails_at:
            raise LookupError("the lease is lost")
