"""Asks auth over core request/reply: credentials when a mailbox is opened, and which mailboxes there are."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from replywire_contracts.v1.rpc import AccountPage, ListAccounts

from services.inbox_sync.domain.mailboxes import Account, account_of
from services.inbox_sync.ports import AccountRefused, AuthUnavailable
from services.providers.errors import ReauthRequired
from services.providers.types import Credentials
from services.runtime.credentials import CredentialsCache
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcClient, RpcRefused

_FRESH_SECONDS = 5.0
_MOST_KEPT = 20_000


class RpcAuth:
    def __init__(self, rpc: RpcClient, credentials: CredentialsCache) -> None:
        self._rpc = rpc
        self._credentials = credentials
        self._accounts: dict[str, tuple[float, Account | None]] = {}

    async def lease(self, account_id: str, refused: int | None = None) -> tuple[Credentials, int]:
        try:
            return await self._credentials.lease(account_id, refresh_rejected=refused)
        except RpcRefused as error:
            raise AccountRefused(error.code) from None
        except Outage:
            raise AuthUnavailable from None

    def forget(self, account_id: str) -> None:
        self._credentials.forget(account_id)

    async def rejected(self, account_id: str, revision: int, error: ReauthRequired) -> None:
        try:
            await self._credentials.rejected(account_id, revision, error)
        except RpcRefused:
            return  # auth knows better by now: a newer revision, or no such account
        except Outage:
            raise AuthUnavailable from None

    async def page(self, after: str | None) -> AccountPage:
        try:
            page: AccountPage = await self._rpc.call(ListAccounts(after=after))
        except (RpcRefused, Outage):
            raise AuthUnavailable from None
        return page

    async def of(self, account_ids: Collection[str]) -> Sequence[Account]:
        """Those of them that auth knows, as they are now."""
        try:
            page: AccountPage = await self._rpc.call(ListAccounts(account_ids=tuple(account_ids)))
        except (RpcRefused, Outage):
            raise AuthUnavailable from None
        return [account_of(view, datetime.now(UTC)) for view in page.accounts]

    async def account(self, account_id: str) -> Account | None:
        """Kept for a moment: whoever reports what came in names the same account again and again."""
        kept = self._accounts.get(account_id)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        try:
            page: AccountPage = await self._rpc.call(ListAccounts(account_ids=(account_id,)))
        except (RpcRefused, Outage):
            raise AuthUnavailable from None
        view = next((view for view in page.accounts if view.account_id == account_id), None)
        found = None if view is None else account_of(view, datetime.now(UTC))
        if len(self._accounts) >= _MOST_KEPT:
            self._accounts.clear()
        self._accounts[account_id] = (time.monotonic() + _FRESH_SECONDS, found)
        return found
