"""What the other services ask auth, one function per request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from replywire_contracts.v1.rpc import (
    AccountPage,
    AccountView,
    Ack,
    KeyHolder,
    KeyInfo,
    KeyList,
    LeaseCredentials,
    LeasedCredentials,
    ListAccounts,
    ListKeys,
    ReportRejected,
    VerifyKey,
)

from services.auth.domain import account as states
from services.auth.domain import api_key, audit
from services.auth.domain.account import Account, Rejection, State
from services.auth.domain.announcements import announcement
from services.auth.domain.audit import PROVIDER, Action, Actor
from services.auth.domain.team_settings import applied
from services.auth.domain.tokens import Tokens, renew_at
from services.auth.ports import Accounts, ApiKeys, KeyRings, TeamSettingsStore
from services.auth.renewing import NotConnected, Renewing
from services.runtime.credentials import seal_secret
from services.runtime.envelopes import open_box
from services.runtime.rpc import Refusal

_MOST_KEYS = 100
_REMEDY = "Connect this mailbox again: sign in, or give a password that works."


@dataclass(frozen=True, slots=True)
class Handlers:
    accounts: Accounts
    api_keys: ApiKeys
    rings: KeyRings
    team_settings: TeamSettingsStore
    now: Callable[[], datetime]
    lease_for: timedelta
    renewing: Renewing
    page_of: Callable[[str], str]
    """The address of an account's own page."""

    async def lease_credentials(self, request: LeaseCredentials) -> LeasedCredentials:
        """What opens the mailbox, readable by the asker alone.

        `refresh_rejected` asks for a fresh token: it comes with a higher revision, unless the refused one was made in
        the last minute. A password cannot be refreshed, so the same one is leased again. Either way the same revision
        leased again means that the asker's `ReportRejected` is what stops the account."""
        account = await self.accounts.by_id(request.account_id)
        if account is None:
            raise Refusal("unknown_account", "There is no such account.")
        if account.state is not State.CONNECTED:
            raise _not_leased(account)
        tokens = self.renewing.held(account)
        if tokens is not None:
            return await self._leased_token(request, account, tokens)
        secret = {} if account.box is None else json.loads(open_box(self.rings.ring(), account.owner, account.box))
        return await self._leased(request, account, secret, self.now() + self.lease_for)

    async def _leased_token(self, request: LeaseCredentials, account: Account, tokens: Tokens) -> LeasedCredentials:
        try:
            fresh = await self.renewing.fresh(account, tokens, request.refresh_rejected)
        except NotConnected:
            raise _not_leased((await self.accounts.by_id(account.account_id)) or account) from None
        if fresh.account.state is not State.CONNECTED:
            raise _not_leased(fresh.account)
        again_at = renew_at(fresh.tokens, account.account_id)
        if again_at <= self.now():  # the provider is away, and this one still works for a while
            again_at = fresh.tokens.expires_at
        return await self._leased(request, fresh.account, fresh.tokens.secret(), again_at)

    async def _leased(
        self, request: LeaseCredentials, account: Account, secret: Mapping[str, str], expires_at: datetime
    ) -> LeasedCredentials:
        policy = (await self.team_settings.of(account.team_id)).policy(account.client)
        return LeasedCredentials(
            account_id=account.account_id,
            team_id=account.team_id,
            client=account.client,
            address=account.address,
            settings=applied(policy, account.settings),
            revision=account.revision,
            sealed_secret=seal_secret(request.reply_key, account.account_id, secret),
            expires_at=expires_at,
        )

    async def report_rejected(self, request: ReportRejected) -> Ack:
        """The account waits for its person, who is told once; a report of an older revision is no news."""
        while True:
            account = await self.accounts.by_id(request.account_id)
            if account is None:
                raise Refusal("unknown_account", "There is no such account.")
            rejected = states.reject(account, request.revision, self._rejection(request))
            if rejected is None:
                return Ack()
            note = audit.record(
                account.team_id,
                Actor(PROVIDER),
                Action.ACCOUNT_NEEDS_REAUTH,
                account.account_id,
                rejected.changed_at,
                {"reason": request.reason, "code": request.code[:64]},
            )
            if await self.accounts.replace(
                account, rejected, note, announcement(rejected, None, self.page_of(rejected.account_id))
            ):
                return Ack()

    async def list_accounts(self, request: ListAccounts) -> AccountPage:
        found = await self.accounts.all_teams(request.after, request.limit, request.account_ids)
        full = len(found) == request.limit
        return AccountPage(accounts=tuple(map(_view, found)), next=found[-1].account_id if full else None)

    async def verify_key(self, request: VerifyKey) -> KeyHolder:
        key, now = await self.api_keys.by_hash(request.key_hash), self.now()
        if key is None or not api_key.works(key, now):
            raise Refusal("unknown_key", "This key is not known, or has ended.")
        if api_key.use_is_news(key, now):
            await self.api_keys.note_use(key, now)
        return KeyHolder(key_id=key.key_id, team_id=key.team_id, scopes=key.scopes)

    async def list_keys(self, request: ListKeys) -> KeyList:
        """Those that work now, the newest last."""
        found = await self.api_keys.with_scope(request.team_id, request.scope, _MOST_KEYS)
        now = self.now()
        return KeyList(keys=tuple(_key_info(key) for key in found if api_key.works(key, now)))

    def _rejection(self, request: ReportRejected) -> Rejection:
        return Rejection(request.reason, request.code[:64], request.words, _REMEDY, self.now())


def _key_info(key: api_key.ApiKey) -> KeyInfo:
    return KeyInfo(
        key_id=key.key_id,
        name=key.name,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires_at=key.expires_at,
    )


def _not_leased(account: Account) -> Refusal:
    code = State.NEEDS_REAUTH if account.state is State.CONNECTED else account.state
    return Refusal(code.value, "Nothing can be leased until its person connects the mailbox again.")


def _view(account: Account) -> AccountView:
    return AccountView(
        account_id=account.account_id,
        team_id=account.team_id,
        client=account.client,
        address=account.address,
        state=account.state.value,
        revision=account.announced,
    )
