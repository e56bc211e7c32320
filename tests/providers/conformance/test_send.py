"""send's face: one hand-over is one message, noted phase by phase; the sent copy is filed once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.providers.errors import ReauthRequired, Transient
from services.providers.protocols import Send
from services.providers.types import CopyVerdict, Outgoing, Phase, ProbeVerdict
from tests.providers.conformance.bench import Bench, Noted, message


@pytest.fixture
async def send(bench: Bench) -> AsyncIterator[Send]:
    assert bench.client.send is not None
    send = bench.client.send(bench.policy)
    yield send
    await send.close()


async def filed(bench: Bench, send: Send, outgoing: Outgoing) -> CopyVerdict:
    """Where the provider files what it sends, nothing else puts a message there."""
    if bench.client.capabilities.files_sent_copy:
        await send.submit(outgoing, bench.credentials(), Noted())
    return (await send.file_sent_copy(outgoing, bench.credentials(), math.inf)).verdict


async def test_a_submission_is_taken_once_and_every_phase_noted_in_order(bench: Bench, send: Send) -> None:
    outgoing, noted = message(bench), Noted()
    submitted = await send.submit(outgoing, bench.credentials(), noted)
    assert (await bench.taken()).count(outgoing.message_id) == 1
    assert noted.phases == list(Phase)
    assert submitted.identities.message_ids[0] == outgoing.message_id
    assert submitted.identities.marker == outgoing.marker
    assert [(each.address, each.accepted) for each in submitted.recipients] == [(bench.recipient, True)]


@pytest.mark.parametrize("phase", [Phase.CONNECTED, Phase.RECIPIENTS_ACCEPTED, Phase.BODY, Phase.COMMITTING])
async def test_a_checkpoint_that_fails_before_the_commit_stops_the_message(
    phase: Phase, bench: Bench, send: Send
) -> None:
    outgoing = message(bench)
    with pytest.raises(LookupError):
        await send.submit(outgoing, bench.credentials(), Noted(fails_at=phase))
    other = message(bench)
    await send.submit(other, bench.credentials(), Noted())
    taken = await bench.taken()
    assert outgoing.message_id not in taken
    assert taken.count(other.message_id) == 1


async def test_a_wrong_password_asks_for_reconnection_and_takes_nothing(bench: Bench, send: Send) -> None:
    given = bench.credentials()
    wrong = replace(given, secret=dict.fromkeys(given.secret, "not-the-password"))
    outgoing = message(bench)
    with pytest.raises(ReauthRequired):
        await send.probe(outgoing, wrong, None)
    if not bench.client.capabilities.files_sent_copy:
        with pytest.raises(ReauthRequired):
            await send.file_sent_copy(outgoing, wrong, math.inf)
    assert await bench.in_sent() == []


async def test_many_at_once_are_taken_once_each(bench: Bench, send: Send) -> None:
    many = [message(bench) for _ in range(30)]
    await asyncio.gather(*(send.submit(outgoing, bench.credentials(), Noted()) for outgoing in many))
    taken = await bench.taken()
    assert [taken.count(outgoing.message_id) for outgoing in many] == [1] * 30


async def test_the_sent_copy_is_filed_once_however_often_it_is_asked_for(bench: Bench, send: Send) -> None:
    outgoing = message(bench)
    first = await filed(bench, send, outgoing)
    files = bench.client.capabilities.files_sent_copy
    assert first is (CopyVerdict.PROVIDER_FILES if files else CopyVerdict.FILED)
    again = [(await send.file_sent_copy(outgoing, bench.credentials(), math.inf)).verdict for _ in range(2)]
    assert again == [CopyVerdict.PROVIDER_FILES if files else CopyVerdict.ALREADY_THERE] * 2
    copies = [raw for raw in await bench.in_sent() if outgoing.message_id.encode() in raw]
    assert [raw.replace(b"\r\n", b"\n") for raw in copies] == [outgoing.mime.replace(b"\r\n", b"\n")]


async def test_a_sent_copy_that_is_out_of_time_is_left_to_who_comes_next(bench: Bench, send: Send) -> None:
    outgoing = message(bench)
    if bench.client.capabilities.files_sent_copy:
        copy = await send.file_sent_copy(outgoing, bench.credentials(), time.monotonic())
        assert copy.verdict is CopyVerdict.PROVIDER_FILES
        return
    with pytest.raises(Transient):
        await send.file_sent_copy(outgoing, bench.credentials(), time.monotonic())
    assert await bench.in_sent() == []
    assert await filed(bench, send, outgoing) is CopyVerdict.FILED


async def test_a_probe_never_sends_and_finds_what_is_in_the_sent_folder(bench: Bench, send: Send) -> None:
    outgoing = message(bench)
    before = await bench.taken()
    absent = await send.probe(outgoing, bench.credentials(), None)
    assert absent.verdict is not ProbeVerdict.FOUND
    assert await bench.taken() == before
    await filed(bench, send, outgoing)
    found = await send.probe(outgoing, bench.credentials(), None)
    assert found.verdict is ProbeVerdict.FOUND
    assert found.identities is not None
    assert outgoing.message_id in found.identities.message_ids


async def test_a_forgotten_account_can_send_again(bench: Bench, send: Send) -> None:
    for _ in range(2):
        outgoing = message(bench)
        await send.submit(outgoing, bench.credentials(), Noted())
        await send.file_sent_copy(outgoing, bench.credentials(), math.inf)
        await send.forget(bench.credentials().account_id)
        assert (await bench.taken()).count(outgoing.message_id) == 1
