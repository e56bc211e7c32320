"""Connecting, reconnecting, renaming and disconnecting a mailbox: proved first, saved in one write, announced once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.auth.domain import account as states
from services.auth.domain import audit
from services.auth.domain.account import Account
from services.auth.domain.addresses import same_mailbox_key
from services.auth.domain.announcements import announcement
from services.auth.domain.audit import Action, Actor
from services.auth.domain.connect_request import ConnectRequest, read_display_name, read_request
from services.auth.domain.refusals import Conflict, Invalid, connected_by_another, no_such_account
from services.auth.domain.tokens import Revocation
from services.auth.logins import Logins, Proved
from services.auth.ports import Accounts, KeyRings, OfferedClients, Revokes
from services.runtime.envelopes import Owner, seal

_TRIES = 8
"""How often a decision is made anew because somebody else changed the account meanwhile."""


@dataclass(frozen=True, slots=True)
class Who:
    """On whose behalf: the team comes from the API key alone."""

    team_id: str
    actor: Actor
    correlation_id: str | None = None
    person: str = ""
    """Whose mailbox it becomes; empty where the product connects it over the API."""
    link_account_id: str | None = None
    """The account that their link to reconnect is about: the product gave them leave to take it."""


@dataclass(frozen=True, slots=True)
class Connecting:
    accounts: Accounts
    rings: KeyRings
    logins: Logins
    revoking: Revokes
    offered: OfferedClients
    now: Callable[[], datetime]

    async def connect(self, who: Who, request: ConnectRequest) -> tuple[Account, bool]:
        """The account, and whether it is a new one. The same mailbox again revives the account it had, but never takes
        one in use from the people who have it."""
        candidate = read_request(request, await self.offered.of(who.team_id))
        mailbox_key = same_mailbox_key(candidate.address)
        existing = await self.accounts.of_mailbox(who.team_id, mailbox_key)
        owner = Owner(who.team_id, states.new_account_id()) if existing is None else existing.owner
        async with self.logins.proved(candidate, owner, who.person) as proved:
            for _ in range(_TRIES):
                existing = await self.accounts.of_mailbox(who.team_id, mailbox_key)
                if existing is None:
                    created = self._new(owner, proved)
                    if await self._add(who, created):
                        return created, True
                elif (renewed := await self._renewed(who, existing, proved)) is not None:
                    return renewed, False
            raise _contended()

    async def reconnect(self, who: Who, account_id: str, request: ConnectRequest) -> Account:
        """New settings and secret for the same mailbox; another one is refused, whatever its login."""
        existing = await self._existing(who, account_id)
        candidate = read_request(request, await self.offered.of(who.team_id))
        if same_mailbox_key(candidate.address) != existing.mailbox_key:
            raise Invalid(
                "address",
                "This account belongs to another mailbox.",
                "Give the account's own address, or connect the other mailbox as an account of its own.",
            )
        async with self.logins.proved(candidate, existing.owner, who.person) as proved:
            for _ in range(_TRIES):
                if (account := await self._renewed(who, existing, proved)) is not None:
                    return account
                existing = await self._existing(who, account_id)
            raise _contended()

    async def rename(self, who: Who, account_id: str, display_name: str) -> Account:
        name = read_display_name(display_name)
        for _ in range(_TRIES):
            existing = await self._existing(who, account_id)
            if existing.display_name == name:
                return existing
            renamed = states.rename(existing, name, self.now())
            if await self.accounts.replace(existing, renamed, self._audit(who, renamed, Action.ACCOUNT_RENAMED)):
                return renamed
        raise _contended()

    async def disconnect(self, who: Who, account_id: str) -> None:
        """Destroys the account's key and secret, whatever the provider says of it. Once more is no error."""
        revocation = await self.revoking.revoke(await self._existing(who, account_id))
        for _ in range(_TRIES):
            existing = await self._existing(who, account_id)
            gone = states.disconnect(existing, self.now())
            if gone is None:
                return
            note = self._audit(who, gone, Action.ACCOUNT_DISCONNECTED, revocation)
            if await self.accounts.replace(existing, gone, note, announcement(gone, who.correlation_id)):
                return
        raise _contended()

    async def _existing(self, who: Who, account_id: str) -> Account:
        existing = await self.accounts.of_team(who.team_id, account_id)
        if existing is None:
            raise no_such_account()
        return existing

    def _new(self, owner: Owner, proved: Proved) -> Account:
        box = seal(self.rings.ring(), owner, proved.sealable)
        return states.connect(owner.account_id, owner.team_id, proved.mailbox, box, self.now())

    async def _add(self, who: Who, account: Account) -> bool:
        note = self._audit(who, account, Action.ACCOUNT_CONNECTED)
        return await self.accounts.add(account, note, announcement(account, who.correlation_id))

    async def _renewed(self, who: Who, existing: Account, proved: Proved) -> Account | None:
        require_leave(who, existing)
        if proved.held_for not in (None, existing.owner):
            raise _contended()  # somebody connected the same mailbox meanwhile, and the engine knows another account
        # Of the old client nothing is left but what its provider still holds.
        revocation = await self.revoking.revoke(existing) if existing.client != proved.mailbox.client else None
        box = seal(self.rings.ring(), existing.owner, proved.sealable)
        account = states.reconnect(existing, proved.mailbox, box, self.now())
        note = self._audit(who, account, Action.ACCOUNT_RECONNECTED, revocation)
        if await self.accounts.replace(existing, account, note, announcement(account, who.correlation_id)):
            return account
        return None

    def _audit(
        self, who: Who, account: Account, action: Action, revocation: Revocation | None = None
    ) -> audit.AuditRecord:
        details = {"client": account.client, "address": account.address}
        if revocation is not None:
            details["grant"] = revocation.value
        return audit.record(who.team_id, who.actor, action, account.account_id, account.changed_at, details)


def require_leave(who: Who, existing: Account) -> None:
    """Raises `Conflict` where a person would take a mailbox in use that they never proved theirs. An API key speaks for
    the whole team."""
    if who.person and who.link_account_id != existing.account_id and states.is_anothers(existing, who.person):
        raise connected_by_another()


def _contended() -> Conflict:
    return Conflict(
        "changed_meanwhile", "Somebody else keeps changing this account.", remedy="Look at the account, then try again."
    )
