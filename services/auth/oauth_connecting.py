"""Connecting a mailbox by signing in with its provider: out to the sign-in page, and back with a code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.auth.admin_consents import AdminConsents
from services.auth.connecting import Who, require_leave
from services.auth.domain import account as states
from services.auth.domain import audit, oauth_flow
from services.auth.domain.account import Account, ProvedMailbox
from services.auth.domain.addresses import read_address, same_mailbox_key
from services.auth.domain.announcements import announcement
from services.auth.domain.audit import Action, Actor
from services.auth.domain.forms import Form
from services.auth.domain.links import Purpose
from services.auth.domain.oauth_app import CLIENT_OF, PROVIDER_OF, Provider, read_provider
from services.auth.domain.oauth_errors import judge, sign_in_refusal
from services.auth.domain.oauth_flow import Errand
from services.auth.domain.pinning import pinned_address, require_same_person
from services.auth.domain.proving import refusal_of
from services.auth.domain.refusals import Conflict, Invalid, NotProved, no_such_account
from services.auth.domain.tokens import Granted, Revocation
from services.auth.domain.visitor import Visitor
from services.auth.oauth_trips import Trips
from services.auth.ports import Accounts, KeyRings, OfferedClients, Provers, Revokes
from services.auth.renewing import Renewing
from services.providers.errors import ProviderError
from services.providers.types import Proof
from services.runtime.envelopes import Owner, seal

_TRIES = 8
_FORM = Form(secrets=(), servers=("smtp", "imap"))


@dataclass(frozen=True, slots=True)
class OAuthConnecting:
    accounts: Accounts
    rings: KeyRings
    provers: Provers
    offered: OfferedClients
    trips: Trips
    renewing: Renewing
    revoking: Revokes
    consents: AdminConsents
    now: Callable[[], datetime]
    at_once: asyncio.Semaphore
    within: float
    """Seconds for one proof of both directions."""

    async def begin(
        self, visitor: Visitor, client: str, *, account_id: str | None = None, login_hint: str | None = None
    ) -> str:
        """The provider's address to send the browser to. `account_id`: the account to reconnect; `login_hint`: the
        address that must sign in, where the person gave one. Raises `Refused`."""
        provider = PROVIDER_OF.get(client)
        if provider is None or client not in await self.offered.of(visitor.team_id):
            raise Invalid("client", "This team does not offer that e-mail client.", "Choose one that is offered.")
        account = await self._to_reconnect(visitor, account_id, client)
        if account is not None:
            login_hint = account.address
        elif login_hint is not None:
            login_hint = read_address(login_hint, "login_hint")
        app = await self.trips.apps.require(visitor.team_id, provider)
        if provider is Provider.MICROSOFT:
            await self.consents.require_for_members(visitor.team_id)
        flow, state = oauth_flow.begin(
            visitor,
            Errand.CONNECT,
            provider,
            app.client_id,
            self.trips.callback(f"{provider.value}/callback"),
            self.now(),
            account_id=None if account is None else account.account_id,
            address=login_hint,
        )
        return await self.trips.leave(flow, state, app, login_hint=login_hint)

    async def finish(self, visitor: Visitor, provider: str, query: Mapping[str, str]) -> tuple[Account, bool]:
        """What came back to `/oauth/{provider}/callback`: the account, and whether it is a new one. Raises `Refused`;
        nothing is left behind then."""
        known = read_provider(provider)
        trip = await self.trips.back(visitor, (Errand.CONNECT,), known, query)
        if "error" in query:
            raise sign_in_refusal(judge(known, query["error"], query.get("error_description", "")))
        granted = await self.trips.redeem(trip, query)
        client = CLIENT_OF[known]
        if client not in await self.offered.of(visitor.team_id):
            raise Invalid("client", "This team no longer offers that e-mail client.", "Choose one that is offered.")
        if granted.identity.tenant_id is not None:
            await self.consents.require_for_tenant(visitor.team_id, granted.identity.tenant_id)
        wanted = trip.flow.address
        proof = await self._prove(client, pinned_address(granted, wanted), granted)
        return await self._save(visitor, client, proof, granted, trip.flow.account_id)

    async def _to_reconnect(self, visitor: Visitor, account_id: str | None, client: str) -> Account | None:
        if visitor.purpose is Purpose.RECONNECT:
            account_id = visitor.account_id  # whatever a form says: the link is about this one
        if account_id is None:
            return None
        account = await self.accounts.of_team(visitor.team_id, account_id)
        if account is None:
            raise no_such_account()
        return account

    async def _prove(self, client: str, address: str, granted: Granted) -> Proof:
        try:
            async with asyncio.timeout(self.within), self.at_once:
                return await self.provers(client).prove(address, {}, granted.tokens.secret())
        except ProviderError as error:
            raise refusal_of(error, _FORM, {}) from error
        except TimeoutError:
            raise NotProved(
                "timeout", "The mail servers did not answer in time.", remedy="Try again in a minute.", again=True
            ) from None

    async def _save(
        self, visitor: Visitor, client: str, proof: Proof, granted: Granted, account_id: str | None
    ) -> tuple[Account, bool]:
        who = Who(visitor.team_id, Actor.person(visitor.person), None, visitor.person, visitor.link_account_id)
        for _ in range(_TRIES):
            if account_id is not None:
                existing = await self.accounts.of_team(who.team_id, account_id)
            else:
                existing = await self.accounts.of_mailbox(who.team_id, same_mailbox_key(proof.address))
            if existing is None:
                if await self._added(created := self._new(who, client, proof, granted), who):
                    return created, True
            elif (renewed := await self._renewed(existing, who, client, proof, granted)) is not None:
                return renewed, False
        raise Conflict(
            "changed_meanwhile",
            "Somebody else keeps changing this account.",
            remedy="Look at the account, then try again.",
        )

    def _new(self, who: Who, client: str, proof: Proof, granted: Granted) -> Account:
        account_id = states.new_account_id()
        box = seal(self.rings.ring(), Owner(who.team_id, account_id), granted.tokens.sealable())
        mailbox = ProvedMailbox(client, proof.address, "", proof.settings, proof.abilities, who.person)
        return states.connect(account_id, who.team_id, mailbox, box, self.now())

    async def _added(self, account: Account, who: Who) -> bool:
        note = _note(account, who, Action.ACCOUNT_CONNECTED)
        return await self.accounts.add(account, note, announcement(account, who.correlation_id))

    async def _renewed(
        self, existing: Account, who: Who, client: str, proof: Proof, granted: Granted
    ) -> Account | None:
        held = self.renewing.held(existing)
        require_same_person(granted, held)
        # The provider's own id vouches for whoever signs in. An address does not: another organisation's administrator
        # can give any to their people. So what was connected otherwise stays with its people.
        if held is None or held.provider is not granted.tokens.provider:
            require_leave(who, existing)
        revocation = await self.revoking.revoke(existing) if existing.client != client else None
        mailbox = ProvedMailbox(
            client, existing.address, existing.display_name, proof.settings, proof.abilities, who.person
        )
        box = seal(self.rings.ring(), existing.owner, granted.tokens.sealable())
        account = states.reconnect(existing, mailbox, box, self.now())
        note = _note(account, who, Action.ACCOUNT_RECONNECTED, revocation)
        if await self.accounts.replace(existing, account, note, announcement(account, who.correlation_id)):
            return account
        return None


def _note(account: Account, who: Who, action: Action, revocation: Revocation | None = None) -> audit.AuditRecord:
    details = {"client": account.client, "address": account.address}
    if revocation is not None:
        details["grant"] = revocation.value
    return audit.record(who.team_id, who.actor, action, account.account_id, account.changed_at, details)
