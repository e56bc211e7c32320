"""What the engine's door needs of the world, as small Protocols beside their user."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from services.inbox_sync.domain.engine_accounts import EngineAccount
from services.inbox_sync.domain.mailboxes import Account
from services.providers.protocols import Connect
from services.providers.types import Credentials
from services.runtime.envelopes import SealedBox


class EngineAccounts(Protocol):
    """Credentials that the engine holds, sealed."""

    async def add(self, account: EngineAccount) -> None: ...

    async def claim(self, token_hash: str, account_id: str, revision: int) -> bool:
        """An account holds it: it stays. False where there is no such token of that account."""
        ...

    async def destroy(self, team_id: str, account_id: str, token_hash: str) -> bool:
        """False where there was none."""
        ...

    async def destroy_claimed(self, account_id: str, before: int) -> int:
        """Those that the account held at a revision below `before`: how many."""
        ...

    async def overdue(self, now: datetime, limit: int) -> Sequence[EngineAccount]:
        """Unclaimed for too long."""
        ...

    async def claimed_page(self, after: str, limit: int) -> Sequence[EngineAccount]:
        """By token hash."""
        ...

    async def under_other_keys(self, key_id: str, limit: int) -> Sequence[EngineAccount]: ...

    async def rewrap(self, account: EngineAccount, box: SealedBox) -> bool:
        """False where the box is no longer the one in `account`."""
        ...


class ConnectOf(Protocol):
    """How a client proves a mailbox whose credentials the engine holds."""

    def __call__(self, client: str) -> Connect | None:
        """None for every other client."""
        ...


class Holders(Protocol):
    """auth, which knows what each account holds. Raises `AuthUnavailable`."""

    async def lease(self, account_id: str, refused: int | None = None) -> tuple[Credentials, int]:
        """Raises `AccountRefused`."""
        ...

    def forget(self, account_id: str) -> None: ...

    async def of(self, account_ids: Collection[str]) -> Sequence[Account]:
        """As they are now; those that are unknown are missing."""
        ...
