"""One function per event: auth's word about a mailbox is taken in, and the reading follows."""

from __future__ import annotations

from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth

from services.inbox_sync.domain.mailboxes import CONNECTED, DISCONNECTED, NEEDS_REAUTH, Account
from services.inbox_sync.engine.healing import Accounts

AnyAccountEvent = AccountConnected | AccountNeedsReauth | AccountDisconnected


class AccountHandlers:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def on_account_connected(self, event: AccountConnected) -> None:
        """Read it from now on, with whatever credentials it has now."""
        await self._accounts.take_in(_account(event, CONNECTED))

    async def on_account_needs_reauth(self, event: AccountNeedsReauth) -> None:
        """Stop reading until its person reconnects it; the places stay."""
        await self._accounts.take_in(_account(event, NEEDS_REAUTH))

    async def on_account_disconnected(self, event: AccountDisconnected) -> None:
        """Stop reading and forget the places."""
        await self._accounts.take_in(_account(event, DISCONNECTED))


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
