"""Taking a grant back at the provider when its account is disconnected: never in the way, and tried again for a day.

What is owed is written down before the provider is asked, so that neither its silence nor a crash forgets it; whoever
tries again looks first whether the mailbox was connected anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.auth.domain import audit, revocation
from services.auth.domain.account import ENGINE_TOKEN, Account
from services.auth.domain.audit import PROVIDER, Action, Actor
from services.auth.domain.oauth_errors import OAuthError
from services.auth.domain.revocation import OwedRevocation
from services.auth.domain.tokens import Revocation, Tokens, read_tokens
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_ports import SignIns
from services.auth.ports import Accounts, Revocations, SyncEngine
from services.auth.renewing import Renewing
from services.runtime.envelopes import BoxUnopenable, open_box
from services.runtime.key_ring import KeyUnknown

_AT_ONCE = 20
_log = structlog.get_logger("auth.revoking")


@dataclass(frozen=True, slots=True)
class Revoking:
    accounts: Accounts
    renewing: Renewing
    apps: OAuthApps
    sign_ins: SignIns
    engine: SyncEngine
    owed: Revocations
    pauses: Sequence[timedelta]
    """Between the tries."""
    now: Callable[[], datetime]
    within: float
    """Seconds for one try."""

    async def revoke(self, account: Account) -> Revocation | None:
        """None where nobody but us holds anything of it."""
        try:
            token = self._engine_token(account)
            if token is not None:
                return Revocation.REVOKED if await self.engine.close(account.owner, token) else Revocation.FAILED
            tokens = self.renewing.held(account)
            if tokens is None:
                return None
            if await self._used_elsewhere(account, tokens):
                return Revocation.STILL_USED
            debt = revocation.owed(self.renewing.rings.ring(), account, tokens, self.pauses, self.now())
            await self.owed.add(debt)
            answer = await self._asked(account, tokens)
            if answer is not Revocation.FAILED:
                await self.owed.settle(debt, None)  # what became of it is in the record of the disconnection
            return answer
        except (KeyUnknown, BoxUnopenable) as closed:
            _log.warning("grant_not_revoked", account_id=account.account_id, error=str(closed))
            return Revocation.FAILED

    async def try_again(self) -> None:
        """Each that is due, once; another replica's are left to it."""
        for debt in await self.owed.due(self.now(), _AT_ONCE):
            taken = revocation.tried_again(debt, self.pauses, self.now())
            if await self.owed.take(debt, taken):
                await self._tried(taken)

    async def _tried(self, debt: OwedRevocation) -> None:
        account = await self.accounts.by_id(debt.account_id)
        try:
            tokens = read_tokens(open_box(self.renewing.rings.ring(), debt.owner, debt.box))
        except (KeyUnknown, BoxUnopenable) as closed:
            _log.warning("grant_not_revoked", account_id=debt.account_id, error=str(closed))
            tokens = None
        if account is None or tokens is None:
            await self._settled(debt, Revocation.FAILED)
        elif self._holds(account, tokens) or await self._used_elsewhere(account, tokens):
            await self.owed.settle(debt, None)  # connected again: it is nobody's to take back
        else:
            answer = await self._asked(account, tokens)
            if answer is not Revocation.FAILED or revocation.is_last(debt, self.pauses):
                await self._settled(debt, answer)

    async def _settled(self, debt: OwedRevocation, answer: Revocation) -> None:
        facts = {"grant": answer.value, "tries": str(debt.tries)}
        action = Action.ACCOUNT_GRANT_SETTLED
        note = audit.record(debt.team_id, Actor(PROVIDER), action, debt.account_id, self.now(), facts)
        await self.owed.settle(debt, note)

    async def _asked(self, account: Account, tokens: Tokens) -> Revocation:
        app = await self.apps.of_client(account.team_id, tokens.provider, tokens.client_id)
        if app is None:
            return Revocation.FAILED
        try:
            async with asyncio.timeout(self.within):
                revoked = await self.sign_ins(tokens.provider).revoke(app, tokens)
        except (OAuthError, TimeoutError) as error:
            _log.warning("grant_not_revoked", account_id=account.account_id, error=str(error))
            return Revocation.FAILED
        return Revocation.REVOKED if revoked else Revocation.NOT_POSSIBLE

    def _engine_token(self, account: Account) -> str | None:
        if account.box is None:
            return None
        held = json.loads(open_box(self.renewing.rings.ring(), account.owner, account.box))
        token = held.get(ENGINE_TOKEN)
        return None if token is None else str(token)

    async def _used_elsewhere(self, account: Account, tokens: Tokens) -> bool:
        return any(self._holds(other, tokens) for other in await self.accounts.others_of_mailbox(account))

    def _holds(self, account: Account, tokens: Tokens) -> bool:
        """Of the same grant: a provider takes back all that an app was granted for a mailbox."""
        theirs = self.renewing.held(account)
        return theirs is not None and (theirs.provider, theirs.client_id) == (tokens.provider, tokens.client_id)
