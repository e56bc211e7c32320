"""Bad input of every kind meets the running services: each is answered by the field's name and the remedy, what cannot
be read is kept as a dead letter with its reason, and no service stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.js.client import JetStreamContext
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendFailed, SendRequested, SendSent
from replywire_contracts.v1.values import Address, Attachment, Body

from services.runtime import dead_letters
from services.runtime.dead_letters import DeadLetter
from tests.flows.settling import bus, ended
from tests.flows.world import GRACE, World, a_world
from tests.servers.stack import TEAM

pytestmark = [pytest.mark.xdist_group("bad-input"), pytest.mark.asyncio(loop_scope="module")]

LIMIT = 2_000_000
NOW = datetime.now(UTC)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "expires before it may be sent": (
        {"send_at": NOW + timedelta(hours=2), "expires_at": NOW + timedelta(hours=1)},
        "expires_at",
    ),
    "years ahead": ({"send_at": NOW + timedelta(days=4000)}, "send_at"),
    "nobody": ({"to": ()}, "to"),
    "a bad address among good ones": ({"cc": (Address(email=GRACE), Address(email="a b@example.org"))}, "cc[1].email"),
    "a line break in a name": ({"to": (Address(email=GRACE, name="G\r\nBcc: x@example.net"),)}, "to"),
    "a header of ours": ({"headers": {"Message-ID": "<mine@example.com>"}}, "headers"),
    "a missing object": (
        {"attachments": (Attachment(filename="a.pdf", object_ref="nothing-there"),)},
        "attachments[0].object_ref",
    ),
    "two contents": (
        {"attachments": (Attachment(filename="a.pdf", object_ref="x", content=b"y"),)},
        "attachments[0]",
    ),
    "a body without content": ({"text": Body()}, "text"),
    "too large": ({"attachments": (Attachment(filename="a.bin", content=b"x" * (LIMIT + 1)),)}, str(LIMIT)),
    "too large once encoded": (
        {"attachments": (Attachment(filename="a.bin", content=b"x" * (LIMIT - 9)),)},
        str(LIMIT),
    ),
    "a thread of nobody": ({"reply_to_request_id": "never-sent"}, "reply_to_request_id"),
    "too much metadata": ({"metadata": {"blob": "x" * 20_000}}, "metadata"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    limit = {"REPLYWIRE_MESSAGE_BYTES": str(LIMIT)}
    async with a_world(tmp_path_factory.mktemp("bad-input"), env={"send": limit}) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(world: World) -> str:
    return await world.connect()


async def raw(world: World, payload: bytes, team: str = TEAM) -> int:
    """Publish anything at all as a send request: its number in the stream."""
    answer = await world.product.connection.jetstream().publish(f"{SendRequested.kind()}.{team}", payload)
    return answer.seq


async def buried(js: JetStreamContext, service: str, stream: str, number: int) -> tuple[DeadLetter, bytes]:
    """The dead letter of that message with its payload, once it is there."""
    async with asyncio.timeout(30):
        while True:
            for letter in await dead_letters.read(js, service):
                if (letter.headers["stream"], letter.headers["seq"]) == (stream, str(number)):
                    return await dead_letters.find(js, letter.number)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(("changes", "field"), REFUSED.values(), ids=REFUSED)
async def test_a_bad_request_is_refused_by_field_and_remedy(
    world: World, account: str, changes: dict[str, Any], field: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id.replace(" ", "-")
    await world.send(account, name, **changes)
    [failed] = await world.heard.wait(SendFailed, request_id=name)
    assert field in failed.failure.words, failed.failure
    assert failed.failure.remedy
    message = await world.message(name)
    assert message["state"] == "failed"
    assert message["failure"]["remedy"] == failed.failure.remedy


async def test_an_encoded_word_in_a_subject_injects_no_header(world: World, account: str) -> None:
    await world.send(account, "encoded", subject="=?utf-8?q?hi=0D=0ABcc:_x=40example.net?=")
    await ended(world, ["encoded"])
    for mail in world.sink.taken():
        assert b"\nBcc:" not in mail.message
        assert mail.recipients == (GRACE,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": "grace@example.org"}, "to"),
        ({"send_at": "2026-03-02T10:00:00"}, "send_at"),  # of which zone?
        ({"send_at": "9999-12-31T23:59:59-12:00"}, "send_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"account_id": None}, "account_id"),
        ({"team_id": "another"}, "team_id"),
        ({"correlation_id": "x" * 200}, "correlation_id"),
    ],
    ids=["to", "naive", "after-all-time", "before-all-time", "no-date", "no-account", "another-team", "an-endless-id"],
)
async def test_a_malformed_request_is_a_dead_letter_and_a_failure_where_it_can_be_named(
    world: World, account: str, change: dict[str, Any], field: str
) -> None:
    request_id = f"malformed-{field}-{len(world.heard.events)}"
    whole = SendRequested(team_id=TEAM, request_id=request_id, account_id=account, to=(Address(email=GRACE),))
    payload = json.dumps({**json.loads(whole.encode()), **change}).encode()
    number = await raw(world, payload)
    [failed] = await world.heard.wait(SendFailed, request_id=request_id)
    assert (failed.failure.reason, failed.team_id) == ("malformed_request", TEAM)
    assert field in failed.failure.words
    assert failed.failure.remedy
    async with bus(world) as js:
        letter, kept = await buried(js, "send", "SEND_REQUESTS", number)
    assert (letter.reason, kept) == ("malformed", payload)
    assert field in letter.error


@pytest.mark.parametrize(
    "payload",
    [b"", b"not JSON", b"[]", b'"text"', b"\x00\xff" * 100, b'{"request_id": 5}', b"[" * 100_000, b'{"request_id":""}'],
    ids=["nothing", "text", "a list", "a string", "octets", "a number for an id", "nested", "an empty id"],
)
async def test_what_cannot_even_be_named_is_a_dead_letter_with_its_payload(world: World, payload: bytes) -> None:
    number = await raw(world, payload)
    async with bus(world) as js:
        letter, kept = await buried(js, "send", "SEND_REQUESTS", number)
    assert (letter.reason, kept, letter.subject) == ("malformed", payload, f"{SendRequested.kind()}.{TEAM}")


async def test_a_malformed_find_is_a_dead_letter_of_reply_matching(world: World) -> None:
    url = world.running.stack.nats_url_for("inbox_sync")
    connection = await nats.connect(url, inbox_prefix=b"_INBOX_inbox_sync")
    try:
        answer = await connection.jetstream().publish(f"{InboxMatched.kind()}.{TEAM}", b'{"id": 1}')
    finally:
        await connection.close()
    async with bus(world) as js:
        letter, _ = await buried(js, "reply_matching", "INBOX", answer.seq)
    assert letter.reason == "malformed"


async def test_the_http_faces_answer_bad_input_by_field(world: World, account: str) -> None:
    async with world.running.api("send") as api:
        whole = {"request_id": "http-1", "account_id": account, "to": [{"email": GRACE}]}
        for change, field in (({"to": 5}, "to"), ({"send_at": "2026-03-02T10:00:00"}, "send_at")):
            answer = await api.post("/v1/messages", json=whole | change)
            assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert (await api.post("/v1/messages", content=b"{")).status_code == 415
        as_json = {"Content-Type": "application/json"}
        assert (await api.post("/v1/messages", content=b"{", headers=as_json)).status_code == 422
        assert (await api.post("/v1/messages", content=b"x" * (LIMIT * 2), headers=as_json)).status_code == 413
        assert (await api.get("/v1/messages", params={"cursor": "made up"})).status_code == 400
        stranger = {"Authorization": "Bearer rw_made_up"}
        assert (await api.get("/v1/messages", headers=stranger)).status_code == 401


async def test_no_service_stopped_and_the_next_good_request_is_sent_and_answered(world: World, account: str) -> None:
    for name, service in world.running.stack.services.items():
        assert service.process.running, name
        assert (await service.ask("/ready"))[0] == 200, name
        assert "task crashed" not in world.running.log(name)
    await world.send(account, "good")
    [sent] = await world.heard.wait(SendSent, request_id="good")
    world.answer(sent)
    await world.heard.wait(ReplyDetected, request_id="good")
