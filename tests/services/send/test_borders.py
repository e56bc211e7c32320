"""Bad input is refused with the field's name and the remedy; times are kept; large mails travel; teams stay apart."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from replywire_contracts.streams import DEAD_LETTERS, SEND_REQUESTS
from replywire_contracts.v1.rpc import LeaseCredentials
from replywire_contracts.v1.send import SendAccepted, SendCancelled, SendCancelRequested, SendFailed, SendSent
from replywire_contracts.v1.values import Address, Attachment, Body

from services.providers.errors import Permanent, Transient
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.services.send.world import ADA, GRACE, OTHER_KEY, World, times_sent

BAD = [
    ({"to": (Address(email="not an address"),)}, "to[0].email"),
    ({"to": ()}, "to"),
    ({"subject": "Hello\r\nBcc: all@example.com"}, "subject"),
    ({"subject": "=?utf-8?q?hi=0ABcc:_x?="}, "subject"),
    ({"headers": {"Bcc": "all@example.com"}}, "headers"),
    ({"headers": {"X-Note": "a\r\nBcc: all@example.com"}}, "headers.X-Note"),
    ({"attachments": (Attachment(filename="a.txt"),)}, "attachments[0]"),
    ({"attachments": (Attachment(filename="a.txt", object_ref="nowhere"),)}, "attachments[0].object_ref"),
    ({"text": Body(object_ref="nowhere")}, "text.object_ref"),
    ({"account_id": "nobody"}, "account_id"),
    ({"metadata": {"note": "x" * 20_000}}, "metadata"),
    ({"send_at": datetime(9999, 1, 1, tzinfo=UTC)}, "send_at"),
    ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
    ({"text": Body(text="x" * 6_000_000)}, "text"),
]


@pytest.mark.parametrize(("changes", "field"), BAD, ids=[f"{n}-{field}" for n, (_, field) in enumerate(BAD)])
async def test_what_cannot_be_sent_is_refused_by_the_fields_name_with_a_remedy(
    changes: dict[str, object], field: str, sending: World
) -> None:
    account = await sending.connect()
    await sending.send(str(changes.get("account_id", account)), "r-1", **_without(changes, "account_id"))
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.words.startswith(field)
    assert failed.failure.remedy
    assert not sending.heard.of(SendAccepted, request_id="r-1")
    assert (await sending.message("r-1"))["failure"]["field"].startswith(field)
    assert WORLD.ledger == []


def _without(changes: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in changes.items() if key != name}


async def test_a_malformed_request_is_dead_lettered_and_told_where_it_can_be_named(sending: World) -> None:
    account = await sending.connect()
    js = sending.product.connection.jetstream()
    subject = "mail.v1.send.requested.acme"
    unreadable = {"request_id": "r-1", "account_id": account, "team_id": "acme", "to": "grace"}
    for payload in (b"\xff\x00 no JSON", json.dumps(unreadable).encode()):
        await js.publish(subject, payload, stream=SEND_REQUESTS.name)
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert (failed.failure.reason, failed.account_id) == ("malformed_request", None)
    assert "to" in failed.failure.words
    async with asyncio.timeout(20):
        while (await js.stream_info(DEAD_LETTERS.name)).state.messages < 2:
            await asyncio.sleep(0.05)
    await sending.send(account, "r-2")
    await sending.heard.wait(SendSent, request_id="r-2")


async def test_another_teams_mailbox_is_unknown_here(sending: World) -> None:
    account = await sending.connect(team="globex")
    await sending.send(account, "r-1")
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.words.startswith("account_id")


async def test_a_message_waits_for_its_time(sending: World) -> None:
    account = await sending.connect()
    send_at = datetime.now(UTC) + timedelta(seconds=1.5)
    await sending.send(account, "r-1", send_at=send_at)
    [accepted] = await sending.heard.wait(SendAccepted, request_id="r-1")
    assert accepted.send_at == send_at
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    assert sent.occurred_at >= send_at


async def test_a_message_whose_time_has_passed_is_not_sent(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.LOGIN, Transient("away", retry_after=timedelta(hours=1)))
    await sending.send(account, "r-1", expires_at=datetime.now(UTC) + timedelta(seconds=1))
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.reason == "expired"
    assert WORLD.ledger == []


async def test_a_message_is_cancelled_by_event_or_over_http_until_it_leaves(sending: World) -> None:
    account = await sending.connect()
    later = datetime.now(UTC) + timedelta(hours=1)
    await sending.publisher.publish(SendCancelRequested(team_id="acme", request_id="r-1"))
    for name in ("r-1", "r-2"):
        await sending.send(account, name, send_at=later)
    [first] = await sending.heard.wait(SendCancelled, request_id="r-1")
    assert first.reason == "requested"
    await sending.heard.wait(SendAccepted, request_id="r-2")
    async with sending.api() as api:
        assert (await api.post("/v1/messages/r-2/cancel")).json()["state"] == "cancelled"
        await sending.send(account, "r-3")
        await sending.heard.wait(SendSent, request_id="r-3")
        assert (await api.post("/v1/messages/r-3/cancel")).json()["state"] == "sent"
        assert (await api.post("/v1/messages/nothing/cancel")).status_code == 404


async def test_a_cancellation_that_overtakes_its_request_holds_however_late_that_comes(sending: World) -> None:
    account = await sending.connect()
    await sending.publisher.publish(SendCancelRequested(team_id="acme", request_id="r-1"))
    async with asyncio.timeout(20):
        while await _waiting(sending):
            await asyncio.sleep(0.05)  # nobody tells when a handler is done
    for name in ("r-1", "r-2"):
        await sending.send(account, name)
    await sending.heard.wait(SendSent, request_id="r-2")
    await sending.heard.wait(SendCancelled, request_id="r-1")
    assert not sending.heard.of(SendSent, request_id="r-1")


async def _waiting(sending: World) -> int:
    """Cancellations that are not dealt with."""
    js = sending.product.connection.jetstream()
    place = await js.consumer_info(SEND_REQUESTS.name, "send-cancel-requested")
    return (place.num_pending or 0) + (place.num_ack_pending or 0)


async def test_a_mail_of_twenty_megabytes_travels_by_reference_and_leaves_whole(sending: World) -> None:
    account = await sending.connect()
    octets = bytes(range(256)) * 4 * 2**10 * 17
    ref = await sending.apps[0].bodies.put(octets)
    await sending.send(account, "r-1", attachments=(Attachment(filename="film.bin", object_ref=ref),))
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    [outgoing] = WORLD.ledger
    assert len(outgoing.mime) > len(octets)
    async with sending.api() as api:
        assert (await api.get("/v1/messages/r-1/raw")).content == outgoing.mime
    assert sent.identities.message_ids == (outgoing.message_id,)


async def test_a_mail_over_the_limit_is_refused_with_the_limit(world: World) -> None:
    async with world.replica(message_bytes=100_000):
        account = await world.connect()
        file = Attachment(filename="a.bin", content=b"x" * 120_000)
        await world.send(account, "r-1", attachments=(file,))
        [failed] = await world.heard.wait(SendFailed, request_id="r-1")
    assert "100000" in failed.failure.words


async def test_the_sent_copy_is_filed_once_and_its_failures_change_nothing(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.COPY, Transient("away"))
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    async with asyncio.timeout(20):
        while (copy := (await sending.message("r-1"))["sent_copy"])["state"] != "done":
            await asyncio.sleep(0.05)
    assert copy["attempts"] == 2
    assert len(WORLD.accounts[ADA].folders["Sent"].mails) == 1
    assert (await sending.message("r-1"))["state"] == "sent"


async def test_a_sent_copy_that_hangs_is_let_go_before_another_may_file_it(world: World) -> None:
    async with world.replica(copy_hold_seconds=1.0, sweep_seconds=0.2):
        WORLD.misbehave(Step.COPY, asyncio.Event())
        account = await world.connect()
        await world.send(account, "r-1")
        await world.heard.wait(SendSent, request_id="r-1")
        async with asyncio.timeout(20):
            while (copy := (await world.message("r-1"))["sent_copy"])["state"] != "done":
                await asyncio.sleep(0.05)
    assert copy["attempts"] == 2


async def test_a_sent_copy_waits_for_auth_longer_than_it_would_try_a_mailbox(world: World) -> None:
    async with world.replica(copy_hold_seconds=1.0, sweep_seconds=0.2):
        WORLD.misbehave(Step.COPY, asyncio.Event())
        account = await world.connect()
        await world.send(account, "r-1")
        await world.heard.wait(SendSent, request_id="r-1")
    world.neighbours.away.add(LeaseCredentials)
    async with world.replica(sweep_seconds=0.2, copy_attempts=1), asyncio.timeout(60):
        looked_at: set[datetime] = set()
        while len(looked_at) < 3:
            copy = await _copy(world)
            assert copy["state"] == "pending"
            if copy.get("reason") == "waiting_for_auth":
                looked_at.add(copy["due"])
            await asyncio.sleep(0.1)
        world.neighbours.away.clear()
        while (copy := await _copy(world))["state"] != "done":
            await asyncio.sleep(0.05)
    assert copy["attempts"] <= 2
    assert len(WORLD.accounts[ADA].folders["Sent"].mails) == 1


async def _copy(world: World) -> dict[str, Any]:
    """As it is stored, whichever replica runs."""
    message = await world.database["messages"].find_one({})
    assert message is not None
    return dict(message["copy"])


async def test_a_sent_copy_that_cannot_be_filed_stops_and_says_why(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.COPY, Permanent("no_sent_folder", remedy="Choose the folder for sent mail."))
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    async with asyncio.timeout(20):
        while (copy := (await sending.message("r-1"))["sent_copy"])["state"] == "pending":
            await asyncio.sleep(0.05)
    assert (copy["state"], copy["reason"]) == ("stopped", "no_sent_folder")
    assert copy["remedy"]


async def test_messages_are_listed_newest_first_by_pages_and_never_to_another_team(sending: World) -> None:
    account = await sending.connect()
    for number in range(5):
        await sending.send(account, f"r-{number}")
        await sending.heard.wait(SendSent, request_id=f"r-{number}")
    async with sending.api() as api, sending.api(OTHER_KEY) as other:
        first = (await api.get("/v1/messages", params={"limit": 3})).json()
        second = (await api.get("/v1/messages", params={"limit": 3, "cursor": first["next"]})).json()
        assert [each["request_id"] for each in first["items"] + second["items"]] == [f"r-{n}" for n in range(4, -1, -1)]
        assert second["next"] is None
        sent = (await api.get("/v1/messages", params={"state": "sent", "account_id": account})).json()
        assert len(sent["items"]) == 5
        assert (await api.get("/v1/messages", params={"state": "failed"})).json()["items"] == []
        assert (await other.get("/v1/messages")).json()["items"] == []
        for path in ("/v1/messages/r-1", "/v1/messages/r-1/body", "/v1/messages/r-1/raw"):
            assert (await other.get(path)).status_code == 404
        assert (await other.post("/v1/messages/r-1/cancel")).status_code == 404
        assert (await other.get(f"/v1/sending/mailboxes/{account}")).status_code == 404


async def test_creating_over_http_is_the_same_as_publishing(sending: World) -> None:
    account = await sending.connect()
    new = {"request_id": "r-1", "account_id": account, "to": [{"email": GRACE}], "text": {"text": "Hello\n"}}
    async with sending.api() as api:
        created = await api.post("/v1/messages", json=new)
        assert created.status_code == 201, created.text
        await sending.heard.wait(SendSent, request_id="r-1")
        assert (await api.post("/v1/messages", json=new)).status_code == 200
        other = await api.post("/v1/messages", json={**new, "subject": "Other"})
        assert (other.status_code, other.json()["code"]) == (409, "request_id_reused")
        wrong = await api.post("/v1/messages", json={**new, "request_id": "r-2", "to": [{"email": 7}]})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "to[0].email")
        as_json = {"Content-Type": "application/json"}
        assert (await api.post("/v1/messages", content=b"[1", headers=as_json)).status_code == 422
        assert (await api.post("/v1/messages", content=b"[1")).status_code == 415
        refused = await api.post("/v1/messages", json={**new, "request_id": "r-3", "to": [{"email": "nobody"}]})
        assert (refused.json()["state"], refused.json()["failure"]["field"]) == ("failed", "to[0].email")
        unwritten = await api.get("/v1/messages/r-3/raw")
        assert (unwritten.status_code, unwritten.json()["code"]) == (409, "never_rendered")
        assert unwritten.json()["state"] == "failed"
    assert list(times_sent().values()) == [1]
