"""A product's trace goes with its request to the end, which other tasks, other processes and other days bring about."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from replywire_contracts.streams import SENDS
from replywire_contracts.v1.send import SendAccepted, SendDeferred, SendFailed, SendRequested, SendSent
from replywire_contracts.v1.values import Address

from services.providers.errors import Permanent, Transient
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.services.send.world import GRACE, TEAM, World

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


async def traces(world: World, request_id: str) -> dict[str, str | None]:
    """By kind of event: the trace that it was published in."""
    js = world.product.connection.jetstream()
    found: dict[str, str | None] = {}
    for number in range(1, (await js.stream_info(SENDS.name)).state.last_seq + 1):
        message = await js.get_msg(SENDS.name, number)
        if json.loads(message.data or b"")["request_id"] == request_id:
            headers = message.headers or {}
            found[headers["ce-type"]] = headers.get("traceparent", "--").split("-")[1] or None
    return found


async def test_all_that_becomes_of_a_request_is_told_in_its_trace(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.BODY, Transient("busy", code="451 4.3.2", retry_after=timedelta(seconds=0.1)))
    request = await sending.send(account, "untraced")
    await sending.heard.wait(SendSent, request_id="untraced")
    traced = request.model_copy(update={"id": "another", "request_id": "traced"})
    WORLD.misbehave(Step.BODY, Transient("busy", code="451 4.3.2", retry_after=timedelta(seconds=0.1)))
    await sending.product.publish(traced, trace=TRACED)
    await sending.heard.wait(SendSent, request_id="traced")
    kinds = {kind.kind() for kind in (SendAccepted, SendDeferred, SendSent)}
    assert await traces(sending, "traced") == dict.fromkeys(kinds, TRACE)
    assert await traces(sending, "untraced") == dict.fromkeys(kinds)


@pytest.mark.parametrize("to", [GRACE, "no address"], ids=["by the provider", "by us"])
async def test_a_refusal_is_told_in_its_requests_trace(sending: World, to: str) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.BODY, Permanent("refused_content", code="554 5.7.1"))
    request = SendRequested(team_id=TEAM, request_id="refused", account_id=account, to=(Address(email=to),))
    await sending.product.publish(request, trace=TRACED)
    await sending.heard.wait(SendFailed, request_id="refused")
    assert (await traces(sending, "refused"))[SendFailed.kind()] == TRACE
