"""What auth's pages are told of a mailbox that waits: why and until when, and nothing of another team's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from replywire_contracts.v1.send import SendDeferred, SendSent
from replywire_contracts.v1.sending import SendingState, SendingStatus

from services.providers.errors import Scope, Transient
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from services.runtime.rpc import RpcClient, RpcRefused
from tests.services.send.world import OTHER_TEAM, TEAM, World


async def test_a_mailbox_that_waits_says_why_and_until_when_to_its_own_team(sending: World) -> None:
    account = await sending.connect()
    rpc = RpcClient(sending.apps[0].nc)
    await sending.send(account, "r-0")
    await sending.heard.wait(SendSent, request_id="r-0")
    fine: SendingState = await rpc.call(SendingStatus(team_id=TEAM, account_id=account))
    assert fine == SendingState()
    words, hour = "daily limit", timedelta(hours=1)
    WORLD.misbehave(Step.LOGIN, Transient("quota_reached", words=words, retry_after=hour, scope=Scope.MAILBOX))
    await sending.send(account, "r-1")
    await sending.heard.wait(SendDeferred, request_id="r-1")
    async with asyncio.timeout(20):
        while (waits := await rpc.call(SendingStatus(team_id=TEAM, account_id=account))).waits_until is None:
            await asyncio.sleep(0.05)  # it is written down once the worker rests
    assert waits.failure is not None
    assert (waits.failure.reason, waits.failure.words) == ("quota_reached", "daily limit")
    assert timedelta(minutes=50) < waits.waits_until - datetime.now(UTC) < timedelta(minutes=70)
    for team, asked in ((OTHER_TEAM, account), (TEAM, "unknown")):
        with pytest.raises(RpcRefused) as refused:
            await rpc.call(SendingStatus(team_id=team, account_id=asked))
        assert refused.value.code == "unknown_account"
