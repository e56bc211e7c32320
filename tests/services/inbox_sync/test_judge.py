"""Judge requests as they travel: what the contract says, cut to what the bus takes, and every message exactly once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import nats
import pytest
from replywire_contracts.v1.rpc import ConfirmHeld, Held, Judge, JudgedHeaders, Verdict, Verdicts

from services.inbox_sync.adapters.judge import RpcJudge
from services.inbox_sync.domain.mailboxes import CONNECTED, Account
from services.inbox_sync.ports import JudgeRefused, JudgeUnavailable
from services.providers.types import HeaderSet, MessageRef
from services.runtime.rpc import Endpoint, Refusal, RpcClient

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
ACCOUNT = Account("account", "acme", "memory", "me@example.com", CONNECTED, 1, NOW)


def header(number: int, block: bytes, thread: str | None = None) -> HeaderSet:
    return HeaderSet(MessageRef("INBOX", str(number)), block, NOW, thread)


async def test_a_request_says_what_the_contract_says_octet_for_octet(nats_url: str) -> None:
    asked: list[Judge] = []

    async def judge(request: Judge) -> Verdicts:
        asked.append(request)
        return Verdicts(verdicts=(Verdict(ref=request.messages[0].ref, kind="match"),))

    block = bytes(range(256))
    async with await nats.connect(nats_url) as nc:
        endpoint = Endpoint(Judge, judge, 8)
        await endpoint.start(nc, "reply_matching")
        headers = [header(1, block, "thread"), header(2, b"")]
        [verdict] = await RpcJudge(RpcClient(nc)).judge(ACCOUNT, "INBOX/", headers, inside=True)
        await endpoint.stop(5)
    seconds = int(NOW.timestamp())
    assert asked == [
        Judge(
            team_id="acme",
            account_id="account",
            own_address="me@example.com",
            messages=(
                JudgedHeaders(ref="INBOX/1", block=block.decode("latin-1"), received_at=seconds, thread="thread"),
                JudgedHeaders(ref="INBOX/2", block="", received_at=seconds),
            ),
            inside=True,
        )
    ]
    assert verdict.ref == "INBOX/1"


async def test_blocks_that_swell_in_json_still_reach_the_judge_once_each(nats_url: str) -> None:
    judged: Counter[str] = Counter()

    async def judge(request: Judge) -> Verdicts:
        judged.update(message.ref for message in request.messages)
        return Verdicts(verdicts=tuple(Verdict(ref=message.ref, kind="match") for message in request.messages))

    headers = [header(number, b"\x01" * 65536) for number in range(8)]
    async with await nats.connect(nats_url) as nc:
        endpoint = Endpoint(Judge, judge, 8)
        await endpoint.start(nc, "reply_matching")
        verdicts = await RpcJudge(RpcClient(nc)).judge(ACCOUNT, "INBOX/", headers)
        await endpoint.stop(5)
    assert judged == {f"INBOX/{number}": 1 for number in range(8)}
    assert {verdict.ref for verdict in verdicts} == set(judged)


async def test_a_refusal_is_an_answer_and_silence_is_none(nats_url: str) -> None:
    async def refuse(request: Judge) -> Verdicts:
        raise Refusal("malformed", request.messages[0].block)

    async def confirm(request: ConfirmHeld) -> Held:
        return Held(refs=request.refs[:1])

    async with await nats.connect(nats_url) as nc:
        judge = RpcJudge(RpcClient(nc), seconds=0.2)
        with pytest.raises(JudgeUnavailable):
            await judge.judge(ACCOUNT, "INBOX/", [header(1, b"Subject: secret")])
        assert not await judge.answers("account")
        endpoints = [Endpoint(Judge, refuse, 8), Endpoint(ConfirmHeld, confirm, 8)]
        for endpoint in endpoints:
            await endpoint.start(nc, "reply_matching")
        with pytest.raises(JudgeRefused) as refused:
            await judge.judge(ACCOUNT, "INBOX/", [header(1, b"Subject: secret")])
        assert "secret" not in repr(refused.value)
        assert await judge.answers("account")
        assert list(await judge.held("account", ["INBOX/1", "INBOX/2"])) == ["INBOX/1"]
        for endpoint in endpoints:
            await endpoint.stop(5)
