"""What the pages are made of: the uses they lead to, and what is common to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replywire_contracts.v1.rpc import MailboxState
from replywire_contracts.v1.sending import SendingState

from services.auth.admin_consents import AdminConsents
from services.auth.connecting import Connecting
from services.auth.discovering import Discovering
from services.auth.domain.account import Account, State
from services.auth.domain.links import Purpose
from services.auth.domain.refusals import NotFound
from services.auth.domain.returning import host_of, returned
from services.auth.domain.visitor import Visitor
from services.auth.keys import Keys
from services.auth.links import Links
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_connecting import OAuthConnecting
from services.auth.pages.health import Health, health_of
from services.auth.pages.rendering import Rendering
from services.auth.pages.visits import Visit, Visits
from services.auth.ports import (
    Accounts,
    ApiKeys,
    AuditLog,
    ExternalSettingUp,
    MailboxReading,
    MailboxSending,
    MailboxWatching,
)
from services.auth.team_settings import TeamSettingsChanges
from services.runtime.outcomes import Outage

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Parts:
    rendering: Rendering
    visits: Visits
    links: Links
    accounts: Accounts
    connecting: Connecting
    oauth: OAuthConnecting
    oauth_apps: OAuthApps
    consents: AdminConsents
    discovering: Discovering
    team_settings: TeamSettingsChanges
    audit: AuditLog
    external: ExternalSettingUp
    keys: Keys
    api_keys: ApiKeys
    reading: MailboxReading
    sending: MailboxSending
    watching: MailboxWatching
    reads: Callable[[str], bool]
    """Whether an e-mail client has an inbox that is read."""
    sends: Callable[[str], bool]
    """Whether mail leaves by an e-mail client, or is handed out for it."""
    connects: Callable[[str], bool]
    """Whether this deployment can connect an e-mail client."""
    now: Callable[[], datetime]

    async def account(self, visitor: Visitor, account_id: str) -> Account:
        """One that this visitor may see. Raises `NotFound`: the answer is the same for what is not there."""
        account = await self.accounts.of_team(visitor.team_id, account_id)
        own = account is not None and (visitor.person in account.people or visitor.account_id == account_id)
        if account is None or not own or visitor.purpose is Purpose.SETTINGS:
            raise NotFound(
                "not_found", "You have no such mailbox here.", remedy="Look at your mailboxes, or connect one."
            )
        return account

    async def own_accounts(self, visitor: Visitor) -> list[Account]:
        """The living ones, the newest first; disconnected ones are history."""
        if visitor.purpose is not Purpose.CONNECT:
            return []
        found = await self.accounts.page(visitor.team_id, None, MOST_SHOWN, None, visitor.person)
        living = [account for account in found if account.state is not State.DISCONNECTED]
        return sorted(living, key=lambda account: account.created_at, reverse=True)

    async def health(self, account: Account) -> Health:
        """How it is now; who does not answer holds nothing up."""
        if account.state is State.DISCONNECTED:
            return health_of(account, None)
        reads = self.reads(account.client)
        (reading, asked), sending = await asyncio.gather(self._reading(account, reads), self._sending(account))
        return health_of(account, reading, sending, asked=asked, reads=reads, sends=self.sends(account.client))

    async def _reading(self, account: Account, reads: bool) -> tuple[MailboxState | None, bool]:
        """And whether there was an answer."""
        if not reads:
            return None, True
        try:
            return await self.reading.of(account.team_id, account.account_id), True
        except Outage:
            return None, False

    async def _sending(self, account: Account) -> SendingState | None:
        try:
            return await self.sending.of(account.team_id, account.account_id)
        except Outage:
            return None


def ground(visit: Visit) -> dict[str, Any]:
    """What every page needs."""
    visitor = visit.visitor
    return {
        "visitor": visitor,
        "form_token": visit.form_token,
        "back": returned(visitor.return_to),
        "product": host_of(visitor.return_to),
    }
