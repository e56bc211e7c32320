"""One function per event: auth's word about a mailbox is taken in, and the reading follows."""

from __future__ import annotations

from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth

from services.inbox_sync.domain.mailboxes import CONNECTED, DISCONNECTED, NEEDS_REAUTH, Account
from services.inbox_sync.engine.healing import Accounts
from services.inbox_sync.engine_keeping import EngineKeeping

AnyAccountEvent = AccountConnected | AccountNeedsReauth | AccountDisconnected


class AccountHandlers:
    def __init__(self, accounts: Accounts, keeping: EngineKeeping) -> None:
        self._accounts = accounts
        self._keeping = keeping

    async def on_account_connected(self, event: AccountConnected) -> None:
        """Read it from now on, with whatever credentials it has now."""
        await self._taken_in(_account(event, CONNECTED))

    async def on_account_needs_reauth(self, event: AccountNeedsReauth) -> None:
        """Stop reading until its person reconnects it; the places stay."""
        await self._accounts.take_in(_account(event, NEEDS_REAUTH))

    async def on_account_disconnected(self, event: AccountDisconnected) -> None:
        """Stop reading, forget the places, and destroy the credentials that the engine held for it."""
        await self._taken_in(_account(event, DISCONNECTED))

    async def _taken_in(self, account: Account) -> None:
        await self._keeping.take_in(account)
        await self._accounts.take_in(account)


def _account(event: AnyAccountEvent, connection: str) -> Account:
    return Account(
        account_id=event.account_id,
        team_id=event.team_id,
        client=event.client,
        address=event.address,
        connection=connection,
        revision=event.revision,
        at=event.occurred_at,
    )
