"""Asks auth over core request/reply: credentials when a mailbox is opened, and which mailboxes there are."""

from __future__ import annotations

from replywire_contracts.v1.rpc import AccountPage, ListAccounts

from services.inbox_sync.ports import AccountRefused, AuthUnavailable
from services.providers.errors import ReauthRequired
from services.providers.types import Credentials
from services.runtime.credentials import CredentialsCache
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcClient, RpcRefused


class RpcAuth:
    def __init__(self, rpc: RpcClient, credentials: CredentialsCache) -> None:
        self._rpc = rpc
        self._credentials = credentials

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
