"""Credentials as leased from auth: kept in memory until they expire, asked for once however many want them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from replywire_contracts.v1.rpc import LeaseCredentials, LeasedCredentials, ReportRejected

from services.providers.errors import ProviderError
from services.providers.types import Credentials
from services.runtime.rpc import RpcClient
from services.runtime.sealing import ReplyKey, seal_to


def seal_secret(reply_key: bytes, account_id: str, secret: Mapping[str, str]) -> bytes:
    """auth's side: `LeasedCredentials.sealed_secret`, good for this asker and this account alone."""
    return seal_to(reply_key, json.dumps(dict(secret)).encode(), account_id.encode())


@dataclass(frozen=True, slots=True)
class _Leased:
    credentials: Credentials
    revision: int
    expires_at: datetime


class CredentialsCache:
    def __init__(self, rpc: RpcClient, *, timeout: float = 20.0) -> None:
        self._rpc = rpc
        self._key = ReplyKey()
        self._timeout = timeout
        self._leased: dict[str, _Leased] = {}
        self._asking: dict[str, asyncio.Task[_Leased]] = {}

    async def lease(self, account_id: str, *, refresh_rejected: int | None = None) -> tuple[Credentials, int]:
        """The credentials and their revision. `refresh_rejected`: the revision the provider just refused.

        Raises `RpcRefused` (`unknown_account`, `needs_reauth`, `disconnected`), `RpcUnavailable`."""
        held = self._leased.get(account_id)
        if held is not None and held.expires_at > datetime.now(UTC) and held.revision != refresh_rejected:
            return held.credentials, held.revision
        asking = self._asking.get(account_id)
        if asking is None:
            asking = asyncio.create_task(self._ask(account_id, refresh_rejected))
            self._asking[account_id] = asking
            asking.add_done_callback(lambda _: self._asking.pop(account_id, None))
        leased = await asyncio.shield(asking)
        return leased.credentials, leased.revision

    async def _ask(self, account_id: str, refresh_rejected: int | None) -> _Leased:
        request = LeaseCredentials(account_id=account_id, reply_key=self._key.public, refresh_rejected=refresh_rejected)
        answer: LeasedCredentials = await self._rpc.call(request, timeout=self._timeout)
        credentials = Credentials(
            account_id=answer.account_id,
            team_id=answer.team_id,
            client=answer.client,
            address=answer.address,
            settings=answer.settings,
            secret=json.loads(self._key.open(answer.sealed_secret, account_id.encode())),
            expires_at=answer.expires_at,
        )
        leased = self._leased[account_id] = _Leased(credentials, answer.revision, answer.expires_at)
        return leased

    def forget(self, account_id: str) -> None:
        """Its credentials changed, or it was disconnected."""
        self._leased.pop(account_id, None)

    async def rejected(self, account_id: str, revision: int, error: ProviderError) -> None:
        """Tell auth that the provider refuses them. Raises `RpcRefused`, `RpcUnavailable`."""
        self.forget(account_id)
        await self._rpc.call(
            ReportRejected(
                account_id=account_id,
                revision=revision,
                reason=error.reason,
                code=error.code,
                words=error.words[:2000],
            )
        )
