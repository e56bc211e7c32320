"""What auth needs of the world, as small Protocols beside their user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from replywire_contracts.v1.rpc import ExternalSetupState, MailboxState
from replywire_contracts.v1.sending import SendingState

from services.auth.domain.account import Account, State
from services.auth.domain.announcements import AccountEvent
from services.auth.domain.api_key import ApiKey
from services.auth.domain.audit import AuditRecord
from services.auth.domain.connect_request import Candidate
from services.auth.domain.discovery import Srv
from services.auth.domain.links import Link
from services.auth.domain.page_session import PageSession
from services.auth.domain.revocation import OwedRevocation
from services.auth.domain.team_settings import TeamSettings
from services.auth.domain.tokens import Revocation
from services.providers.protocols import Connect
from services.providers.types import Proof
from services.runtime.envelopes import Owner, SealedBox
from services.runtime.key_ring import KeyRing


class KeyRings(Protocol):
    """Where the key ring lives."""

    def ring(self) -> KeyRing:
        """The ring as it is now: an operator may change it while the service runs."""
        ...


class Provers(Protocol):
    """How each e-mail client proves a mailbox."""

    def __call__(self, client: str) -> Connect: ...


class SyncEngine(Protocol):
    """The sync engine, which alone holds the credentials of some e-mail clients' accounts."""

    async def open(self, owner: Owner, candidate: Candidate) -> tuple[Proof, str]:
        """Hand in the credentials of the account to be: they are proved, and known by the token from then on. A token
        that no account holds ends by itself. Raises `ProviderError`, `Outage`."""
        ...

    async def close(self, owner: Owner, token: str) -> bool:
        """Destroy them. False where the engine did not answer: it learns of the account's end by the event too."""
        ...


class Accounts(Protocol):
    """The mailboxes of all teams. A change, its audit record and its owed event are one write."""

    async def by_id(self, account_id: str) -> Account | None:
        """For other services alone: a person's request goes by `of_team`."""
        ...

    async def of_team(self, team_id: str, account_id: str) -> Account | None: ...

    async def of_mailbox(self, team_id: str, mailbox_key: str) -> Account | None: ...

    async def add(self, account: Account, audit: AuditRecord, event: AccountEvent) -> bool:
        """False where the team has an account of this mailbox already."""
        ...

    async def replace(
        self, before: Account, after: Account, audit: AuditRecord, event: AccountEvent | None = None
    ) -> bool:
        """False where the account is no longer as `before`: read it again and decide anew."""
        ...

    async def keep_box(self, before: Account, after: Account) -> bool:
        """A renewed secret, and the revision with it; nothing to audit or to announce. False as with `replace`."""
        ...

    async def others_of_mailbox(self, account: Account) -> Sequence[Account]:
        """Accounts of the same mailbox that hold a secret, of whatever team."""
        ...

    async def page(
        self, team_id: str, after: str | None, limit: int, state: State | None, person: str | None = None
    ) -> Sequence[Account]:
        """By account id; only those that `person` connected, where one is named."""
        ...

    async def all_teams(self, after: str | None, limit: int, account_ids: Collection[str]) -> Sequence[Account]:
        """By account id, for other services alone; only `account_ids` where there are some."""
        ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """A box and whose it is, as read for re-wrapping."""

    name: str
    """An account's id, or the name of a team's OAuth app."""
    owner: Owner
    box: SealedBox


class Boxes(Protocol):
    """Every sealed box, for re-wrapping."""

    async def count_left(self, key_id: str) -> int:
        """How many are not wrapped by `key_id`."""
        ...

    def left(self, key_id: str) -> AsyncIterator[Sealed]:
        """Those, each at most once."""
        ...

    async def rewrap(self, kept: Sealed, box: SealedBox) -> bool:
        """False where the box is no longer the one in `kept`."""
        ...


class ApiKeys(Protocol):
    """Keys as hashes. A change and its audit record are one write."""

    async def by_hash(self, key_hash: str) -> ApiKey | None: ...

    async def of_team(self, team_id: str, key_id: str) -> ApiKey | None: ...

    async def page(self, team_id: str, after: str | None, limit: int) -> Sequence[ApiKey]:
        """By key id."""
        ...

    async def with_scope(self, team_id: str, scope: str, limit: int) -> Sequence[ApiKey]:
        """By age, ended ones included."""
        ...

    async def add(self, key: ApiKey, audit: AuditRecord) -> None: ...

    async def succeed(self, old: ApiKey, successor: ApiKey, audit: AuditRecord) -> bool:
        """False where the old key is gone or already has a successor."""
        ...

    async def delete(self, key: ApiKey, audit: AuditRecord) -> bool:
        """False where it is gone already."""
        ...

    async def note_use(self, key: ApiKey, at: datetime) -> None: ...


class AuditLog(Protocol):
    async def note(self, record: AuditRecord) -> None:
        """For what another service keeps; our own changes are one write with their record."""
        ...

    async def page(
        self, team_id: str, before: str | None, limit: int, settings_only: bool = False
    ) -> Sequence[AuditRecord]:
        """The newest first. `settings_only`: what the team's admins and the operator changed for all of it."""
        ...


class TeamSettingsStore(Protocol):
    """What each team's admins chose. A change and its audit records are one write."""

    async def of(self, team_id: str) -> TeamSettings:
        """The defaults where nothing was ever saved."""
        ...

    async def replace(self, before: TeamSettings, after: TeamSettings, notes: Sequence[AuditRecord]) -> bool:
        """False where the settings are no longer as `before`: read them again and decide anew."""
        ...


class MailRecords(Protocol):
    """What DNS says of a mail domain; nothing where it says nothing, or nobody answers in time."""

    async def srv(self, name: str) -> Sequence[Srv]: ...

    async def mx(self, domain: str) -> Sequence[str]:
        """The hosts that take its mail in, the preferred first."""
        ...


class MailboxReading(Protocol):
    """How `inbox_sync` gets on with a mailbox."""

    async def of(self, team_id: str, account_id: str) -> MailboxState | None:
        """None where it was not taken in yet. Raises `Outage`."""
        ...


class MailboxSending(Protocol):
    """Whether `send` lets anything leave a mailbox."""

    async def of(self, team_id: str, account_id: str) -> SendingState | None:
        """None where it was not taken in yet. Raises `Outage`."""
        ...


class MailboxWatching(Protocol):
    @property
    def ended(self) -> bool:
        """Nothing is watched any more: this process stops."""
        ...

    def watched(self, account_id: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """Set whenever something of this account may have changed; the watcher clears it."""
        ...


class PageSessions(Protocol):
    """Visits to our pages, found by the hash of what the browser's cookie holds."""

    async def open(self, link: Link, session: PageSession) -> bool:
        """Spend the link and keep the visit, in one write. False where the link was spent before."""
        ...

    async def find(self, session_id: str, now: datetime) -> PageSession | None:
        """None where there is none, or it has ended."""
        ...

    async def close(self, session_id: str) -> None: ...


class Revocations(Protocol):
    """Grants that providers have still to take back."""

    async def add(self, owed: OwedRevocation) -> None: ...

    async def due(self, now: datetime, limit: int) -> Sequence[OwedRevocation]: ...

    async def take(self, before: OwedRevocation, after: OwedRevocation) -> bool:
        """False where another replica tries it now, or it is settled."""
        ...

    async def settle(self, owed: OwedRevocation, note: AuditRecord | None) -> None:
        """Nothing is kept of it any more."""
        ...


class Revokes(Protocol):
    async def revoke(self, account: Account) -> Revocation | None:
        """What became of its grant at the provider; None where it has none. Never raises for the provider's sake."""
        ...


class OfferedClients(Protocol):
    async def of(self, team_id: str) -> tuple[str, ...]:
        """The e-mail clients that this team's people may connect now."""
        ...


class ExternalSetup(Protocol):
    """What the External client still lacks; `send` knows."""

    async def missing(self, team_id: str) -> tuple[str, ...]:
        """Sentences, for the admin; none where External may be offered."""
        ...


class ExternalSettingUp(Protocol):
    """The External client's set-up, step by step; `send` keeps it. Raises `Outage`, `Conflict`."""

    async def state(self, team_id: str) -> ExternalSetupState: ...

    async def choose(self, team_id: str, delivery: str, by: str) -> ExternalSetupState:
        """How messages are handed over."""
        ...

    async def prove(self, team_id: str, sender: str, recipient: str) -> ExternalSetupState:
        """Put a test message where the team's own code takes it."""
        ...
