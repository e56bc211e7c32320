"""The mailboxes of one process, what was handed over for them, and what shall go wrong next."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from services.providers.types import FolderRole, Outgoing


class Step(StrEnum):
    """Where something can be made to go wrong."""

    PROVE = "prove"
    LOGIN = "login"
    RECIPIENTS = "recipients"
    BODY = "body"
    COMMIT = "commit"
    """After COMMITTING was noted, before the message is taken."""
    ANSWER = "answer"
    """The message is taken, its answer is not yet told."""
    PROBE = "probe"
    COPY = "copy"
    OPEN = "open"
    CHANGES = "changes"
    FETCH = "fetch"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Mail:
    uid: int
    raw: bytes
    received_at: datetime


@dataclass(slots=True)
class MemoryFolder:
    name: str
    role: FolderRole
    uidvalidity: int = 1
    next_uid: int = 1
    mails: list[Mail] = field(default_factory=list)

    def add(self, raw: bytes, received_at: datetime | None = None) -> Mail:
        mail = Mail(self.next_uid, raw, received_at or datetime.now(UTC).replace(microsecond=0))
        self.next_uid += 1
        self.mails.append(mail)
        return mail

    def renumber(self) -> None:
        """UIDVALIDITY changes and every message gets a new UID: all cursors are void."""
        kept, self.mails = self.mails, []
        self.uidvalidity += 1
        self.next_uid = 1
        for mail in kept:
            self.add(mail.raw, mail.received_at)


@dataclass(slots=True)
class MemoryAccount:
    address: str
    password: str
    folders: dict[str, MemoryFolder] = field(
        default_factory=lambda: {
            "INBOX": MemoryFolder("INBOX", FolderRole.INBOX),
            "Junk": MemoryFolder("Junk", FolderRole.JUNK),
            "Sent": MemoryFolder("Sent", FolderRole.SENT),
        }
    )
    sessions: list[asyncio.Event] = field(default_factory=list)
    """One per open session, set when anything arrives."""

    def stir(self) -> None:
        for arrived in self.sessions:
            arrived.set()


@dataclass(slots=True)
class World:
    accounts: dict[str, MemoryAccount] = field(default_factory=dict)
    ledger: list[Outgoing] = field(default_factory=list)
    """Every message that was taken, with repetitions."""
    refused: dict[str, str] = field(default_factory=dict)
    """Recipient to the reply that refuses it (`550 5.1.1 no such user`)."""
    rewrites: str | None = None
    """A Message-ID that the next answers tell instead of the message's own."""
    remembers: bool = False
    """True where a probe can trust the ledger: what is not in it is provably absent."""
    _faults: dict[Step, deque[Exception | asyncio.Event]] = field(default_factory=lambda: defaultdict(deque))

    def add_account(self, address: str, password: str = "secret") -> MemoryAccount:  # noqa: S107 - a default for tests
        account = self.accounts[address] = MemoryAccount(address, password)
        return account

    def deliver(self, address: str, *raws: bytes, folder: str = "INBOX", received_at: datetime | None = None) -> None:
        account = self.accounts[address]
        for raw in raws:
            account.folders[folder].add(raw, received_at)
        account.stir()

    def misbehave(self, step: Step, *faults: Exception | asyncio.Event) -> None:
        """The next times that `step` is reached: raise the exception, or stand still until the event is set."""
        self._faults[step].extend(faults)

    async def reach(self, step: Step) -> None:
        faults = self._faults[step]
        if not faults:
            await asyncio.sleep(0)  # others get their turn, as with a real server
            return
        fault = faults.popleft()
        if isinstance(fault, asyncio.Event):
            await fault.wait()
        else:
            raise fault
