"""Taking a grant back at the provider when its account is disconnected. It is tried once, and never in the way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import structlog

from services.auth.domain.account import ENGINE_TOKEN, Account
from services.auth.domain.oauth_errors import OAuthError
from services.auth.domain.tokens import Revocation, Tokens
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_ports import SignIns
from services.auth.ports import Accounts, SyncEngine
from services.auth.renewing import Renewing
from services.runtime.envelopes import BoxUnopenable, open_box
from services.runtime.key_ring import KeyUnknown

_log = structlog.get_logger("auth.revoking")


@dataclass(frozen=True, slots=True)
class Revoking:
    accounts: Accounts
    renewing: Renewing
    apps: OAuthApps
    sign_ins: SignIns
    engine: SyncEngine
    within: float
    """Seconds."""

    async def revoke(self, account: Account) -> Revocation | None:
        """None where nobody but us holds anything of it."""
        try:
            token = self._engine_token(account)
            if token is not None:
                return Revocation.REVOKED if await self.engine.close(account.owner, token) else Revocation.FAILED
            tokens = self.renewing.held(account)
            if tokens is None:
                return None
            return await self._asked(account, tokens)
        except (KeyUnknown, BoxUnopenable) as closed:
            _log.warning("grant_not_revoked", account_id=account.account_id, error=str(closed))
            return Revocation.FAILED

    async def _asked(self, account: Account, tokens: Tokens) -> Revocation:
        if await self._used_elsewhere(account, tokens):
            return Revocation.STILL_USED
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
        for other in await self.accounts.others_of_mailbox(account):
            theirs = self.renewing.held(other)
            if theirs is not None and (theirs.provider, theirs.client_id) == (tokens.provider, tokens.client_id):
                return True
        return False
