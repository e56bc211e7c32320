"""Questions between services: answers, refusals and silence are three different things."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats
import pytest
from nats.aio.client import Client as NatsClient
from opentelemetry import trace
from replywire_contracts.event import Model, Request
from replywire_contracts.v1.rpc import (
    Ack,
    Judge,
    JudgedHeaders,
    KeyHolder,
    ReportRejected,
    Verdict,
    Verdicts,
    VerifyKey,
)

from services.runtime import tracing
from services.runtime.bus import settled
from services.runtime.outcomes import Outage
from services.runtime.rpc import Listening, Refusal, RpcBroken, RpcClient, RpcRefused, RpcUnavailable, serve
from tests.servers.choice import RunningServer

KEY = VerifyKey(key_hash="0" * 64)


class Service:
    """What `serve` needs of an app."""

    def __init__(self) -> None:
        self.endpoints: list[Listening] = []


@contextlib.asynccontextmanager
async def answering(service: Service, nc: NatsClient) -> AsyncIterator[RpcClient]:
    for endpoint in service.endpoints:
        await endpoint.start(nc, "auth")
    await settled(nc)
    yield RpcClient(nc)
    for endpoint in service.endpoints:
        await endpoint.stop(5)


async def test_an_answer_comes_back_as_its_model(nc: NatsClient) -> None:
    service = Service()

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        return KeyHolder(key_id=request.key_hash[:4], team_id="acme", scopes=("send",))

    async with answering(service, nc) as rpc:
        assert await rpc.call(KEY) == KeyHolder(key_id="0000", team_id="acme", scopes=("send",))


async def test_a_refusal_is_an_answer_with_code_and_detail(nc: NatsClient) -> None:
    service = Service()

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        raise Refusal("unknown_key", "Make a new one.")

    async with answering(service, nc) as rpc:
        with pytest.raises(RpcRefused) as refused:
            await rpc.call(KEY)
    assert (refused.value.code, refused.value.detail) == ("unknown_key", "Make a new one.")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), Outage("no database"), KeyError("x")])
async def test_a_failing_handler_is_an_outage_to_its_asker(nc: NatsClient, error: Exception) -> None:
    service = Service()

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        raise error

    async with answering(service, nc) as rpc:
        with pytest.raises(RpcUnavailable) as failed:
            await rpc.call(KEY)
    assert isinstance(failed.value, RpcBroken) is not isinstance(error, Outage), "a fault is told from an outage"


async def test_a_malformed_request_is_refused_with_its_field(nc: NatsClient) -> None:
    service = Service()

    class Short(Request):
        SUBJECT = VerifyKey.SUBJECT
        REPLY = KeyHolder
        key_hash: str

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        raise AssertionError("it cannot have been read")

    async with answering(service, nc) as rpc:
        with pytest.raises(RpcRefused, match=r"malformed.*key_hash"):
            await rpc.call(Short(key_hash="no"))


async def test_silence_is_an_outage_after_its_time(nc: NatsClient) -> None:
    service = Service()

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        await asyncio.sleep(0.5)
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    async with answering(service, nc) as rpc:
        with pytest.raises(RpcUnavailable):
            await rpc.call(KEY, timeout=0.1)


async def test_nobody_there_is_an_outage(nc: NatsClient) -> None:
    with pytest.raises(RpcUnavailable):
        await RpcClient(nc).call(KEY, timeout=0.3)


async def test_a_service_that_comes_up_while_it_is_asked_still_answers(nc: NatsClient) -> None:
    service = Service()

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    asking = asyncio.create_task(RpcClient(nc).call(KEY, timeout=10))
    await asyncio.sleep(0.2)
    async with answering(service, nc):
        assert (await asking).team_id == "acme"


async def test_replicas_share_the_questions_and_each_is_answered_once(nc: NatsClient, nats_url: str) -> None:
    answered: list[int] = []

    def replica(number: int) -> Service:
        service = Service()

        @serve(service, ReportRejected)
        async def report(request: ReportRejected) -> Ack:
            answered.append(number)
            return Ack()

        return service

    other = await nats.connect(nats_url)
    async with answering(replica(1), nc) as rpc, answering(replica(2), other):
        await asyncio.gather(*(rpc.call(ReportRejected(account_id="a", revision=n, reason="x")) for n in range(200)))
    await other.close()
    assert len(answered) == 200
    assert set(answered) == {1, 2}


async def test_no_more_run_at_once_than_allowed(nc: NatsClient) -> None:
    service, running, most = Service(), 0, 0

    @serve(service, VerifyKey, concurrency=5)
    async def verify(request: VerifyKey) -> KeyHolder:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    async with answering(service, nc) as rpc:
        await asyncio.gather(*(rpc.call(KEY, timeout=20) for _ in range(60)))
    assert most == 5


async def test_stopping_answers_what_was_taken(nc: NatsClient) -> None:
    service, taken = Service(), asyncio.Event()

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        taken.set()
        await asyncio.sleep(0.3)
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    async with answering(service, nc) as rpc:
        asking = asyncio.create_task(rpc.call(KEY))
        await taken.wait()
    assert (await asking).team_id == "acme"


async def test_a_full_batch_of_headers_fits_and_comes_back(nc: NatsClient) -> None:
    service = Service()

    @serve(service, Judge)
    async def judge(request: Judge) -> Verdicts:
        assert request.messages[-1].block.endswith("é\r\n")
        return Verdicts(verdicts=tuple(Verdict(ref=m.ref, kind="match") for m in request.messages))

    block = "Subject: " + "x" * 780 + "é\r\n"
    messages = tuple(JudgedHeaders(ref=f"1:{n}", block=block, received_at=n) for n in range(1000))
    async with answering(service, nc) as rpc:
        verdicts = await rpc.call(Judge(team_id="acme", account_id="a", own_address="a@example.org", messages=messages))
    assert len(verdicts.verdicts) == 1000


async def test_a_request_too_large_for_the_bus_is_refused_before_it_leaves(nc: NatsClient) -> None:
    class Large(Request):
        SUBJECT = "rpc.v1.auth.large"
        REPLY = Model
        text: str

    with pytest.raises(RpcRefused, match="too_large"):
        await RpcClient(nc).call(Large(text="x" * 2_000_000))


async def test_a_trace_goes_on_in_the_answering_service(nc: NatsClient) -> None:
    service, seen = Service(), []

    @serve(service, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        seen.append(f"{trace.get_current_span().get_span_context().trace_id:032x}")
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    trace_id = "0af7651916cd43dd8448eb211c80319c"
    async with answering(service, nc) as rpc:
        with tracing.incoming("outer", {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}):
            await rpc.call(KEY)
    assert seen == [trace_id]


async def test_a_frozen_server_is_an_outage_and_not_a_wait_for_ever(own_nats: RunningServer) -> None:
    connection = await nats.connect(own_nats.url)
    own_nats.freeze()
    with pytest.raises(RpcUnavailable):
        await RpcClient(connection).call(KEY, timeout=0.5)
    own_nats.thaw()
    await connection.close()
