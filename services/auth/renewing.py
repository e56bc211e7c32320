"""Access tokens, fresh when they are leased: renewed ahead of their end, by one replica at a time, never losing what
renews them.

The lease (by the database's clock) keeps replicas from asking twice; what decides is a compare-and-swap on the box: who
comes late finds other tokens in it and leaves them. A replica that dies meanwhile holds nobody up for longer than its
lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from services.auth.domain import account as states
from services.auth.domain import audit
from services.auth.domain.account import Account, Rejection, State
from services.auth.domain.announcements import announcement
from services.auth.domain.audit import PROVIDER, Action, Actor
from services.auth.domain.oauth_errors import AppRefused, GrantRefused, OAuthError, Unavailable
from services.auth.domain.tokens import Tokens, must_renew, read_tokens
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_ports import SignIns
from services.auth.ports import Accounts, KeyRings
from services.runtime.envelopes import open_box, seal
from services.runtime.failpoints import hit
from services.runtime.leases import Leases
from services.runtime.mongo import OUTAGES
from services.runtime.outcomes import Outage

_TRIES = 3
"""A renewal that was under way already may have been for less than is asked."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_AWAY: tuple[type[Exception], ...] = (*OUTAGES, TimeoutError)
_log = structlog.get_logger("auth.renewing")


class TokensUnavailable(Outage):
    """No token could be had now; the account is as good as before. Ask again."""


class NotConnected(Exception):
    """The account has no token to give: it waits for its person, or is gone."""


_EXPECTED: tuple[type[BaseException], ...] = (OAuthError, NotConnected, Outage, *OUTAGES)
"""Whoever asked for the renewal hears of these."""


@dataclass(frozen=True, slots=True)
class Fresh:
    account: Account
    tokens: Tokens


@dataclass(slots=True)
class Renewing:
    accounts: Accounts
    rings: KeyRings
    apps: OAuthApps
    sign_ins: SignIns
    leases: Leases
    now: Callable[[], datetime]
    patience: float
    """Seconds that an asker waits; the renewal goes on behind it, for its answer may hold the only new token."""
    page_of: Callable[[str], str]
    """The address of an account's own page."""
    _running: dict[str, asyncio.Task[Fresh]] = field(default_factory=dict)

    def held(self, account: Account) -> Tokens | None:
        """What the box holds; None where it is no OAuth account's."""
        if account.box is None:
            return None
        return read_tokens(open_box(self.rings.ring(), account.owner, account.box))

    async def fresh(self, account: Account, tokens: Tokens, refused: int | None = None) -> Fresh:
        """Tokens that are good for a while. `refused`: the revision whose token the provider just refused.

        Raises `NotConnected`, `TokensUnavailable`."""
        have = Fresh(account, tokens)
        try:
            async with asyncio.timeout(self.patience):
                for _ in range(_TRIES):
                    if not self._wanted(have, refused):
                        break
                    have = await asyncio.shield(self._renewal(account.account_id, refused))
        except (TimeoutError, Unavailable, AppRefused) as error:
            if isinstance(error, AppRefused):
                _log.error("app_refused", provider=tokens.provider.value, code=error.code, said=error.words)
            if refused != have.account.revision and self.now() < have.tokens.expires_at:
                return have  # still good: the provider's trouble is not yet anybody's
            raise TokensUnavailable(str(error) or "the provider did not answer in time") from error
        return have

    async def settle(self) -> None:
        """Until every renewal under way has kept what it got."""
        if self._running:
            await asyncio.wait(self._running.values())  # which, unlike a gathering, cancels none if it is itself

    def _wanted(self, have: Fresh, refused: int | None) -> bool:
        return must_renew(have.tokens, have.account.account_id, refused == have.account.revision, self.now())

    def _renewal(self, account_id: str, refused: int | None) -> asyncio.Task[Fresh]:
        """One at a time for an account in this process; all who ask meanwhile wait for the same."""
        running = self._running.get(account_id)
        if running is None:
            running = asyncio.create_task(self._renew(account_id, refused), name=f"renew {account_id}")
            self._running[account_id] = running
            running.add_done_callback(lambda done: self._done(account_id, done))
        return running

    def _done(self, account_id: str, task: asyncio.Task[Fresh]) -> None:
        self._running.pop(account_id, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, _EXPECTED):
            _log.error("renewal_failed", account_id=account_id, exc_info=error)

    async def _renew(self, account_id: str, refused: int | None) -> Fresh:
        pause = _FIRST_PAUSE
        while True:
            lease = await self.leases.acquire(account_id)
            if lease is not None:
                async with self.leases.keep(lease):
                    have = await self._read(account_id)
                    return await self._asked(have) if self._wanted(have, refused) else have
            await asyncio.sleep(pause)  # another replica is at it: nothing tells us when it is done
            pause = min(2 * pause, _LONGEST_PAUSE)
            have = await self._read(account_id)
            if not self._wanted(have, refused):
                return have

    async def _read(self, account_id: str) -> Fresh:
        account = await self.accounts.by_id(account_id)
        tokens = None if account is None else self.held(account)
        if account is None or tokens is None or account.state is not State.CONNECTED:
            raise NotConnected(account_id)
        return Fresh(account, tokens)

    async def _asked(self, have: Fresh) -> Fresh:
        """Ask the provider, and keep what it gave. A refused grant is looked up once more before it is believed."""
        for _ in range(2):
            app = await self.apps.of_client(have.account.team_id, have.tokens.provider, have.tokens.client_id)
            try:
                if app is None:
                    raise await self.apps.absence(have.account.team_id, have.tokens.provider)
                hit("auth.before_token_request")
                renewed = await self.sign_ins(have.tokens.provider).refresh(app, have.tokens)
            except GrantRefused as refusal:
                again = await self._read(have.account.account_id)
                if again.tokens == have.tokens:
                    await self._reject(again.account, refusal)
                    raise NotConnected(have.account.account_id) from refusal
                have = again  # another replica or the person put newer tokens there: those were not refused
                if not self._wanted(have, None):
                    return have
                continue
            hit("auth.before_keeping_tokens")
            return await self._keep(have, renewed)
        raise Unavailable("provider_unavailable", words="the tokens kept changing")

    async def _keep(self, have: Fresh, renewed: Tokens) -> Fresh:
        """Until the new tokens are stored, through an outage of the database too: they may be the only ones that work.
        Left where the box holds others by now: those are younger."""
        pause = _FIRST_PAUSE
        while True:
            try:
                now = await self.accounts.by_id(have.account.account_id)
                held = None if now is None else self.held(now)
                if now is None or held is None:
                    raise NotConnected(have.account.account_id)
                if held != have.tokens:
                    return Fresh(now, held)
                kept = states.renew(now, seal(self.rings.ring(), now.owner, renewed.sealable()))
                if await self.accounts.keep_box(now, kept):
                    return Fresh(kept, renewed)
            except _AWAY as away:
                _log.warning("tokens_not_kept_yet", account_id=have.account.account_id, error=str(away))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _reject(self, account: Account, refusal: GrantRefused) -> None:
        """The account waits for its person. Nothing happens where it is no longer as it was."""
        why = Rejection(refusal.reason, refusal.code, refusal.words, f"{refusal.detail} {refusal.remedy}", self.now())
        while account.state is State.CONNECTED:
            rejected = states.reject(account, account.revision, why)
            assert rejected is not None
            note = audit.record(
                account.team_id,
                Actor(PROVIDER),
                Action.ACCOUNT_NEEDS_REAUTH,
                account.account_id,
                rejected.changed_at,
                {"reason": refusal.reason, "code": refusal.code},
            )
            if await self.accounts.replace(
                account, rejected, note, announcement(rejected, None, self.page_of(rejected.account_id))
            ):
                return
            found = await self.accounts.by_id(account.account_id)
            if found is None or self.held(found) != self.held(account):
                return
            account = found
