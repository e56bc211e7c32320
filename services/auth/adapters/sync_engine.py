"""The sync engine's door, asked over core request/reply: credentials go in sealed, a token comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from replywire_contracts.v1.engine import EngineCloseAccount, EngineKey, EnginePublicKey, EngineRefusal, EngineToken

from services.auth.domain.connect_request import Candidate
from services.providers.errors import Permanent, ProviderError, Transient
from services.providers.types import Proof
from services.runtime.engine_door import sealed_opening
from services.runtime.envelopes import Owner
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcClient, RpcRefused

_OPEN_SECONDS = 45.0
"""More than the engine gives a proof."""
_CLOSE_SECONDS = 5.0
_log = structlog.get_logger("auth.sync_engine")


class RpcSyncEngine:
    def __init__(self, rpc: Callable[[], RpcClient]) -> None:
        self._rpc = rpc

    async def open(self, owner: Owner, candidate: Candidate) -> tuple[Proof, str]:
        try:
            opened = await self._open(owner, candidate)
        except RpcRefused as refused:
            if refused.code != "unknown_key":
                raise _not_understood(refused) from refused
            # The engine's keys were changed between its two answers.
            try:
                opened = await self._open(owner, candidate)
            except RpcRefused as again:
                raise _not_understood(again) from again
        if opened.refusal is not None:
            raise _error_of(opened.refusal)
        return Proof(opened.address, opened.settings, opened.abilities), opened.token

    async def close(self, owner: Owner, token: str) -> bool:
        asked = EngineCloseAccount(team_id=owner.team_id, account_id=owner.account_id, token=token)
        try:
            await self._rpc().call(asked, timeout=_CLOSE_SECONDS)
        except (RpcRefused, Outage) as error:
            _log.warning("engine_account_not_closed", account_id=owner.account_id, error=error)
            return False
        return True

    async def _open(self, owner: Owner, candidate: Candidate) -> EngineToken:
        key: EnginePublicKey = await self._rpc().call(EngineKey())
        request = sealed_opening(
            key,
            team_id=owner.team_id,
            account_id=owner.account_id,
            client=candidate.client,
            address=candidate.address,
            settings=candidate.settings,
            secret=candidate.secret,
        )
        opened: EngineToken = await self._rpc().call(request, timeout=_OPEN_SECONDS)
        return opened


def _error_of(refusal: EngineRefusal) -> ProviderError:
    reason, words, code, remedy = refusal.reason, refusal.words, refusal.code, refusal.remedy
    if not refusal.again:
        return Permanent(reason, words=words, code=code, remedy=remedy)
    pause = None if refusal.retry_after is None else timedelta(seconds=refusal.retry_after)
    return Transient(reason, words=words, code=code, remedy=remedy, retry_after=pause)


def _not_understood(refused: RpcRefused) -> Permanent:
    return Permanent("engine_refused", words=refused.detail, remedy="Tell whoever runs this service.")
