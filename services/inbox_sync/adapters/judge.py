"""Asks reply_matching over core request/reply: header sets go out in one encoding, and nothing of them is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import PrivateAttr
from pydantic_core import to_json
from replywire_contracts.v1.rpc import ConfirmHeld, Held, Judge, Verdict, Verdicts

from services.inbox_sync.domain.mailboxes import Account
from services.inbox_sync.ports import JudgeRefused, JudgeUnavailable
from services.providers.types import HeaderSet
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcClient, RpcRefused

_MAX_BLOCK = 65536
_MAX_THREAD = 512
_MAX_PAYLOAD = 900 * 1024
"""A bus message holds 1 MiB. Blocks full of control characters grow sixfold in JSON: those batches are cut again."""
_PROBE_SECONDS = 2.0


class _EncodedJudge(Judge):
    """A judge request that is written already: validating what we made ourselves costs more than judging it."""

    _payload: bytes = PrivateAttr()

    def encode(self) -> bytes:
        return self._payload


class RpcJudge:
    def __init__(self, rpc: RpcClient, seconds: float = 15.0) -> None:
        self._rpc = rpc
        self._seconds = seconds

    async def judge(
        self, account: Account, ref_prefix: str, headers: Sequence[HeaderSet], *, inside: bool = False
    ) -> Sequence[Verdict]:
        payload = _encoded(account, ref_prefix, headers, inside)
        if len(payload) > _MAX_PAYLOAD and len(headers) > 1:
            half = len(headers) // 2
            first = await self.judge(account, ref_prefix, headers[:half], inside=inside)
            return [*first, *await self.judge(account, ref_prefix, headers[half:], inside=inside)]
        request = _EncodedJudge.model_construct()
        request._payload = payload
        try:
            verdicts: Verdicts = await self._rpc.call(request, timeout=self._seconds)
        except RpcRefused as refused:
            raise JudgeRefused(refused.code) from None
        except Outage:
            raise JudgeUnavailable from None
        return verdicts.verdicts

    async def answers(self, account_id: str) -> bool:
        try:
            await self._rpc.call(ConfirmHeld(account_id=account_id, refs=()), timeout=_PROBE_SECONDS)
        except RpcRefused:
            return True
        except Outage:
            return False
        return True

    async def held(self, account_id: str, refs: Sequence[str]) -> Collection[str]:
        try:
            held: Held = await self._rpc.call(
                ConfirmHeld(account_id=account_id, refs=tuple(refs)), timeout=self._seconds
            )
        except (RpcRefused, Outage):
            raise JudgeUnavailable from None
        return held.refs


def _encoded(account: Account, ref_prefix: str, headers: Sequence[HeaderSet], inside: bool) -> bytes:
    """`Judge` in JSON. Latin-1 gives every octet its own character; what a provider adds only where it does."""
    messages: list[dict[str, object]] = [
        {
            "ref": ref_prefix + header.ref.key,
            "block": header.block[:_MAX_BLOCK].decode("latin-1"),
            "received_at": int(header.received_at.timestamp()),
        }
        for header in headers
    ]
    for message, header in zip(messages, headers, strict=True):
        if header.provider_thread_id and len(header.provider_thread_id) <= _MAX_THREAD:
            message["thread"] = header.provider_thread_id
        if header.own:
            message["own"] = True
    return to_json(
        {
            "team_id": account.team_id,
            "account_id": account.account_id,
            "own_address": account.address,
            "messages": messages,
            "inside": inside,
        }
    )
