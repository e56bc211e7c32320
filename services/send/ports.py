"""What the core of `send` asks of the world around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from replywire_contracts.event import Event
from replywire_contracts.v1.rpc import KeyInfo
from replywire_contracts.v1.values import Failure

from services.providers.errors import ProviderError
from services.providers.types import Credentials, Identities
from services.runtime.leases import Lease
from services.send.domain.mailbox import Mailbox
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer_moves import Terms
from services.send.domain.rate import Bucket
from services.send.domain.request import Earlier
from services.send.domain.setup import Setup


class Messages(Protocol):
    """The messages. A step is one durable write that also holds the event it owes."""

    async def insert(
        self, message: Message, kept: Mapping[str, Any], note: Mapping[str, Any], events: Sequence[Event]
    ) -> bool:
        """False where the request is known. `kept` is for people, `note` the first line of history."""
        ...

    async def earlier(self, message: str) -> tuple[Earlier, Identities] | None:
        """What a follow-up must know of the message it answers; None where there is none that has a name."""
        ...

    async def apply(self, move: Move) -> bool:
        """False where its guard does not hold any more. Waits while the database is away."""
        ...

    async def note(self, message: str, guard: Mapping[str, Any], update: dict[str, Any]) -> bool: ...

    async def due(self, account: str, fence: int, now: datetime, limit: int) -> list[Message]: ...

    async def begin(self, messages: Sequence[Message], fence: int, now: datetime) -> list[Message]:
        """Those that are now this lease's to hand over; durable once this returns."""
        ...

    async def next_due(self, account: str) -> datetime | None: ...

    async def open_of(self, account: str, limit: int) -> list[Message]: ...

    async def expired(self, now: datetime, limit: int) -> list[Message]: ...

    def waiting_work(self) -> AsyncIterator[tuple[str, datetime]]: ...

    async def find(self, message: str) -> dict[str, Any] | None: ...

    async def read(self, message: str) -> Message | None: ...

    async def mime(self, message: Message) -> bytes: ...


class Offers(Protocol):
    """What is given out to customers' own code."""

    async def make_ready(self, ids: Sequence[str]) -> None: ...

    async def unready(self, before: datetime, limit: int) -> list[Message]: ...

    async def take(
        self,
        team: str,
        account: str | None,
        most: int,
        lease: str,
        term: timedelta,
        by: str,
        terms: Terms,
        now: datetime,
    ) -> list[Message]:
        """Those that are now this lease's; durable once this returns."""
        ...

    async def next_at(self, team: str, now: datetime) -> datetime | None: ...

    async def extend(self, ids: Sequence[str], lease: str, term: timedelta, step: str) -> frozenset[str]: ...

    async def held(self, team: str, lease: str) -> list[Message]: ...

    async def read(self, ids: Sequence[str]) -> Mapping[str, Message]: ...

    async def lapsed(self, now: datetime, terms: Terms, limit: int) -> list[Message]: ...

    async def waiting_of(self, account: str, limit: int) -> list[Message]: ...

    async def counts(self, now: datetime) -> Mapping[str, int]: ...

    async def page(
        self, team: str, conditions: Mapping[str, Any], after: tuple[datetime, str] | None, limit: int
    ) -> list[Message]: ...


class Setups(Protocol):
    """How far each team's External client is set up."""

    async def of(self, team: str) -> Setup: ...

    async def choose(self, team: str, delivery: str, by: str, now: datetime) -> None:
        """Another way of handing over must be proved anew."""
        ...

    async def note_test(self, team: str, request_id: str, now: datetime) -> None: ...

    async def prove(self, team: str, request_id: str, now: datetime) -> None: ...


class Keys(Protocol):
    """auth's API keys. Raises `RpcUnavailable`, `RpcRefused`."""

    async def working(self, team: str) -> Sequence[KeyInfo]:
        """Those that may take messages."""
        ...


class CopyJobs(Protocol):
    """The sent copies still to be filed."""

    async def due(self, now: datetime, limit: int, busy: Sequence[str]) -> list[tuple[str, str]]: ...

    async def claim(self, message: str, now: datetime, hold: timedelta, held_until: datetime | None) -> int | None:
        """Its number of attempts with this one; None where it is done."""
        ...

    async def settle(self, message: str, held_until: datetime, result: Mapping[str, Any]) -> None: ...


class Announcements(Protocol):
    """Names that reply_matching has not confirmed yet."""

    async def waiting(self, before: datetime, limit: int) -> list[dict[str, Any]]: ...

    async def done(self, message: str) -> None: ...


class Mailboxes(Protocol):
    """Each mailbox's facts, pause, bucket and next time. Lease-guarded writes do nothing where the lease is lost."""

    async def find(self, account: str) -> Mailbox | None: ...

    async def wake(self, account: str, due: datetime) -> None: ...

    async def to_look_at(self, until: datetime, limit: int) -> list[tuple[str, datetime]]: ...

    async def rest(self, lease: Lease, seen_wakes: int, next_due: datetime | None) -> bool: ...

    async def pause(self, lease: Lease, until: datetime, why: Failure) -> None: ...

    async def resume(self, lease: Lease) -> None: ...

    async def save_bucket(self, lease: Lease, bucket: Bucket) -> bool: ...

    async def heal(self, account: str, due: datetime) -> None: ...


class Accounts(Protocol):
    """auth's accounts."""

    async def find(self, team: str, account: str) -> Mailbox | None:
        """None where this team has no such account. Raises `Outage`."""
        ...


class CredentialsSource(Protocol):
    """auth's leases. Raises `RpcRefused`, `RpcUnavailable`."""

    async def lease(self, account_id: str, *, refresh_rejected: int | None = None) -> tuple[Credentials, int]: ...

    def forget(self, account_id: str) -> None: ...

    async def rejected(self, account_id: str, revision: int, error: ProviderError) -> None: ...


class Tracking(Protocol):
    """reply_matching. Raises `RpcUnavailable`, `RpcRefused`."""

    async def register(self, message: Message) -> None: ...

    async def add(self, team: str, request_id: str, identities: dict[str, Any]) -> None: ...


class Bodies(Protocol):
    """The object store of large bodies. Raises `Refused`, `Outage`."""

    async def get(self, ref: str, limit: int) -> bytes: ...


class Pieces(Protocol):
    """Octets too large for a message's document."""

    async def put(self, message: str, name: str, version: str, data: bytes) -> None: ...

    async def get(self, message: str, name: str, version: str) -> bytes: ...

    async def forget(self, message: str, version: str) -> None: ...


class MessageReading(Protocol):
    """What people read. Documents as they are stored; `views` makes them fit to be shown."""

    async def page(
        self, team: str, conditions: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
    ) -> list[dict[str, Any]]: ...

    async def one(self, team: str, request_id: str) -> dict[str, Any] | None: ...

    async def body(self, message: str, name: str, version: str) -> str | None: ...

    async def raw(self, team: str, request_id: str) -> bytes | None: ...


class MailboxReading(Protocol):
    async def find(self, account: str) -> Mailbox | None: ...

    async def of_team(self, team: str, after: str | None, limit: int) -> list[Mailbox]: ...


class Cancels(Protocol):
    """Cancellations of messages that are not stored yet, by their ids."""

    async def keep(self, message: str) -> None: ...

    async def kept(self, message: str) -> bool: ...


class TeamDecisions(Protocol):
    """What a team has decided once for all."""

    async def unconfirmed_policy(self, team: str) -> str: ...

    async def decide_unconfirmed(self, team: str, policy: str, by: str) -> None: ...
