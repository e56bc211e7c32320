"""What this service needs of the world, as small Protocols beside their user."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.reply_matching.domain.judged import Tracked


@dataclass(frozen=True, slots=True)
class TrackedRecord:
    """A tracked message with what is echoed about it, beyond what judging needs."""

    tracked: Tracked
    correlation_id: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registration:
    """A tracked message and every key it may be found under."""

    team_id: str
    account_id: str
    request_id: str
    keys: tuple[bytes, ...]
    message_ids: tuple[str, ...]
    recipients: tuple[str, ...]
    """Lower case, bare."""
    subject_key: str
    sent_at: datetime
    correlation_id: str
    metadata: Mapping[str, Any]


class TrackedMessages(Protocol):
    """The identities of everything sent. A registration that returned is found by every lookup after it."""

    async def register(self, registrations: Sequence[Registration]) -> None:
        """Idempotent: known messages gain keys and lose none."""
        ...

    async def add_keys(self, team_id: str, request_id: str, keys: Collection[bytes], ids: Collection[str]) -> bool:
        """False where the message is not known."""
        ...

    async def add_members(self, team_id: str, request_id: str, keys: Collection[bytes]) -> None:
        """Remember later messages of the thread; bounded per message."""
        ...

    async def find(self, keys: Iterable[bytes]) -> Mapping[bytes, Sequence[Tracked]]:
        """The tracked messages behind each key that is known, in one query."""
        ...

    async def record(self, team_id: str, request_id: str) -> TrackedRecord | None: ...

    async def number_of(self, team_id: str, request_id: str, answer: str) -> int:
        """The how-manieth answer this is; the same number whenever asked again."""
        ...


class OwnAddresses(Protocol):
    """The addresses of a team's connected mailboxes, as registrations and questions have shown them, until auth tells
    that one was disconnected."""

    async def learn(self, team_id: str, addresses: Collection[str]) -> None:
        """A question may be late: what was disconnected stays so."""
        ...

    async def connected(self, team_id: str, address: str, revision: int) -> None:
        """An older revision never overrides a newer one."""
        ...

    async def disconnected(self, team_id: str, address: str, revision: int) -> None: ...

    async def among(self, team_id: str, addresses: Collection[str]) -> frozenset[str]:
        """Those of `addresses` that belong to the team."""
        ...


class Replies(Protocol):
    """Answers held, with the events still owed about them."""

    async def hold(self, reply: Mapping[str, Any]) -> bool:
        """Store a reply with its owed event, then publish that; False where it is held already."""
        ...

    async def one(self, team_id: str, reply_id: str) -> Mapping[str, Any] | None: ...

    async def correct(
        self,
        reply_id: str,
        corrected: int,
        changes: Mapping[str, Any],
        entry: Mapping[str, Any],
        owed: Mapping[str, Any],
    ) -> bool:
        """Change a reply, append to its corrections and owe the event, in one write, then publish that. False where
        it has had more than `corrected` corrections by now: nothing is changed then."""
        ...

    async def settle(self, account_id: str, ref: str) -> None:
        """Note that this place in a mailbox has been judged for good."""
        ...

    async def settled(self, account_id: str, refs: Collection[str]) -> Sequence[str]: ...


class Bodies(Protocol):
    """Large texts and files on their way, by reference and for a limited time."""

    async def put(self, content: bytes) -> str: ...

    async def get(self, ref: str) -> bytes:
        """Raises `Refused` where it has expired."""
        ...


class HeldReplies(Protocol):
    """What the HTTP face reads: always one team's."""

    async def page(
        self, team_id: str, conditions: Mapping[str, Any], after: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]: ...

    async def one(self, team_id: str, reply_id: str) -> Mapping[str, Any] | None: ...
