"""The sync engine's door: auth hands in the credentials of an account, and gets a token that names it.

They are proved by a real login before anything is kept. What is kept is for a few minutes, until an account that holds
the token is heard of (`engine_keeping`): so a connecting that fails halfway leaves nothing, wherever it fails.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from replywire_contracts.v1.engine import (
    EngineCloseAccount,
    EngineClosed,
    EngineKey,
    EngineOpenAccount,
    EnginePublicKey,
    EngineRefusal,
    EngineToken,
)

from services.inbox_sync.domain.engine_accounts import EngineAccount, hash_of, new_token
from services.inbox_sync.engine_ports import ConnectOf, EngineAccounts
from services.providers.errors import ProviderError, Transient
from services.runtime.engine_door import opened_secret, public_key
from services.runtime.envelopes import Owner, seal
from services.runtime.key_ring import KeyRing, KeyUnknown
from services.runtime.rpc import Refusal
from services.runtime.sealing import CannotOpen


@dataclass(frozen=True, slots=True)
class EngineDoor:
    accounts: EngineAccounts
    connect_of: ConnectOf
    ring: KeyRing
    now: Callable[[], datetime]
    at_once: asyncio.Semaphore
    """Bounds the logins under way."""
    unclaimed_for: timedelta

    async def key(self, request: EngineKey) -> EnginePublicKey:
        return public_key(self.ring)

    async def open(self, request: EngineOpenAccount) -> EngineToken:
        # The first time it imports the client's library, which takes a while.
        connect = await asyncio.to_thread(self.connect_of, request.client)
        if connect is None:
            raise Refusal("unknown_client", f"The engine holds no credentials for {request.client!r}.")
        try:
            secret = opened_secret(self.ring, request)
        except KeyUnknown:
            raise Refusal("unknown_key", "The engine seals by another key by now: ask for it again.") from None
        except CannotOpen as damaged:
            raise Refusal("cannot_open", str(damaged)) from None
        try:
            async with self.at_once:
                proof = await connect.prove(request.address, request.settings, secret)
        except ProviderError as error:
            return EngineToken(token="", address=request.address, refusal=_refusal(error))
        token, at = new_token(), self.now()
        await self.accounts.add(
            EngineAccount(
                token_hash=hash_of(token),
                team_id=request.team_id,
                account_id=request.account_id,
                client=request.client,
                address=proof.address,
                settings=proof.settings,
                box=seal(self.ring, Owner(request.team_id, request.account_id), json.dumps(secret).encode()),
                opened_at=at,
                due=at + self.unclaimed_for,
            )
        )
        return EngineToken(token=token, address=proof.address, settings=dict(proof.settings), abilities=proof.abilities)

    async def close(self, request: EngineCloseAccount) -> EngineClosed:
        gone = await self.accounts.destroy(request.team_id, request.account_id, hash_of(request.token))
        return EngineClosed(closed=gone)


def _refusal(error: ProviderError) -> EngineRefusal:
    pause = error.retry_after if isinstance(error, Transient) else None
    return EngineRefusal(
        reason=error.reason,
        code=error.code[:64],
        words=error.words[:2000],
        remedy=error.remedy[:2000],
        again=isinstance(error, Transient),
        retry_after=None if pause is None else max(pause.total_seconds(), 0.0),
    )
