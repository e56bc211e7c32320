"""A request is one e-mail, for ever: told, stored, sent once, whoever repeats it and whatever else goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from replywire_contracts.streams import DEAD_LETTERS
from replywire_contracts.v1.rpc import Register
from replywire_contracts.v1.send import SendAccepted, SendDeferred, SendFailed, SendSent
from replywire_contracts.v1.values import Address

from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.services.send.world import ADA, GRACE, LIN, World, times_sent


async def test_a_request_is_accepted_then_sent_and_kept_with_its_history(sending: World) -> None:
    account = await sending.connect()
    await sending.send(account, "r-1")
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    [accepted] = sending.heard.of(SendAccepted, request_id="r-1")
    assert (accepted.metadata, sent.metadata) == ({"request": "r-1"}, {"request": "r-1"})
    [outgoing] = WORLD.ledger
    assert outgoing.envelope.recipients == (GRACE,)
    assert sent.identities.message_ids == (outgoing.message_id,)
    message = await sending.message("r-1")
    assert [line["state"] for line in message["history"]] == ["queued", "submitting", "committing", "sent"]
    async with sending.api() as api:
        body = (await api.get("/v1/messages/r-1/body")).json()
        raw = (await api.get("/v1/messages/r-1/raw")).content
    assert body["text"] == "Would you join us?\n"
    assert raw == outgoing.mime


async def test_a_message_is_registered_before_it_is_handed_over(sending: World) -> None:
    account = await sending.connect()
    for number in range(10):
        await sending.send(account, f"r-{number}")
    await sending.heard.wait(SendSent, count=10)
    assert sending.neighbours.handed_over_before == {f"r-{number}": False for number in range(10)}
    tracked = sending.neighbours.registered["r-0"]
    assert (tracked.own_address, tracked.recipients) == (ADA, (GRACE,))


async def test_a_message_over_which_reply_matching_breaks_is_put_off_alone_and_says_why(sending: World) -> None:
    sending.neighbours.breaks_over.add("r-3")
    account = await sending.connect()
    for number in range(10):
        await sending.send(account, f"r-{number}")
    others = {f"r-{number}" for number in range(10)} - {"r-3"}
    async with asyncio.timeout(30):
        while {event.request_id for event in sending.heard.of(SendSent)} != others:
            await asyncio.sleep(0.05)
    [deferred, *_] = await sending.heard.wait(SendDeferred, request_id="r-3")
    assert deferred.failure.reason == "cannot_be_tracked"
    assert "OverflowError" in deferred.failure.words
    assert {event.request_id for event in sending.heard.of(SendDeferred)} == {"r-3"}, "others waited for it"
    sending.neighbours.breaks_over.clear()
    await sending.heard.wait(SendSent, request_id="r-3")
    assert [outgoing.message_id for outgoing in WORLD.ledger].count(
        (await sending.message("r-3"))["identities"]["message_ids"][0]
    ) == 1


async def test_nothing_leaves_while_reply_matching_is_away(sending: World) -> None:
    sending.neighbours.away.add(Register)
    account = await sending.connect()
    await sending.send(account, "r-1")
    async with sending.api() as api, asyncio.timeout(20):
        while not (view := (await api.get(f"/v1/sending/mailboxes/{account}")).json())["waits_for"]:
            await asyncio.sleep(0.05)
    assert view["waits_for"]["reason"] == "waiting_for_reply_matching"
    assert WORLD.ledger == []
    sending.neighbours.away.clear()
    await sending.heard.wait(SendSent, request_id="r-1")


async def test_the_same_request_again_sends_nothing_more(sending: World) -> None:
    account = await sending.connect()
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    again = await sending.send(account, "r-1")
    await sending.publisher.publish(again.model_copy(update={"id": "another-event-of-the-same-content"}))
    await sending.send(account, "r-2")
    await sending.heard.wait(SendSent, request_id="r-2")
    assert sorted(times_sent().values()) == [1, 1]
    assert not sending.heard.of(SendFailed)


async def test_another_content_under_the_same_request_id_is_refused_and_the_first_is_untouched(sending: World) -> None:
    account = await sending.connect()
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    await sending.send(account, "r-1", subject="Dinner?")
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.reason == "request_id_reused"
    message = await sending.message("r-1")
    assert (message["state"], message["subject"]) == ("sent", "Lunch on Friday?")
    assert len(WORLD.ledger) == 1
    await _dead_letter(sending, "request_id_reused")


async def _dead_letter(world: World, reason: str) -> bytes:
    js = world.product.connection.jetstream()
    async with asyncio.timeout(20):
        while (await js.stream_info(DEAD_LETTERS.name)).state.messages == 0:
            await asyncio.sleep(0.05)
    last = await js.get_last_msg(DEAD_LETTERS.name, "dead.v1.send.>")
    assert reason in str(last.headers), last.headers
    return last.data or b""


async def test_two_dispatchers_send_nothing_twice(world: World) -> None:
    async with world.replica(), world.replica():
        accounts = [await world.connect(f"user{n}@example.com") for n in range(4)]
        for number in range(80):
            await world.send(accounts[number % 4], f"r-{number}")
        await world.heard.wait(SendSent, count=80)
    assert sorted(times_sent().values()) == [1] * 80


async def test_a_mailbox_that_stands_still_holds_up_no_other(sending: World) -> None:
    slow, quick = await sending.connect(), await sending.connect(LIN)
    stuck = asyncio.Event()
    WORLD.misbehave(Step.BODY, *[stuck] * 4)
    for number in range(8):
        await sending.send(slow, f"slow-{number}")
    await sending.until("slow-0", state="submitting")
    await sending.send(quick, "quick-1")
    await sending.heard.wait(SendSent, request_id="quick-1")
    assert not sending.heard.of(SendSent, request_id="slow-7")
    stuck.set()
    await sending.heard.wait(SendSent, count=9)


async def test_a_dispatcher_that_lost_its_lease_before_the_commit_sends_nothing(world: World) -> None:
    async with world.replica(mailbox_lease_seconds=1.0):
        account = await world.connect()
        stuck = asyncio.Event()
        WORLD.misbehave(Step.BODY, stuck)
        await world.send(account, "r-1")
        await world.until("r-1", state="submitting")
        async with world.replica(mailbox_lease_seconds=1.0):
            # As if the first one had slept past its lease.
            await world.database["mailboxes"].update_one(
                {"_id": account},
                {"$set": {"owner": "nobody", "until": datetime(1970, 1, 1, tzinfo=UTC)}, "$inc": {"token": 1}},
            )
            await world.heard.wait(SendSent, request_id="r-1")
            stuck.set()
            await world.send(account, "r-2")
            await world.heard.wait(SendSent, request_id="r-2")
    assert sorted(times_sent().values()) == [1, 1]


async def test_a_follow_up_joins_the_thread_of_the_earlier_message(sending: World) -> None:
    account, other = await sending.connect(), await sending.connect(LIN)
    await sending.send(account, "r-1")
    await sending.send(account, "r-2", reply_to_request_id="r-1", subject="")
    await sending.heard.wait(SendSent, count=2)
    by_id = {(await sending.message(name))["identities"]["message_ids"][0]: name for name in ("r-1", "r-2")}
    mails = {by_id[outgoing.message_id]: outgoing for outgoing in WORLD.ledger}
    assert f"In-Reply-To: {mails['r-1'].message_id}".encode() in mails["r-2"].mime
    assert b"Subject: Re: Lunch on Friday?" in mails["r-2"].mime
    await sending.send(other, "r-3", reply_to_request_id="r-1")
    await sending.send(account, "r-4", reply_to_request_id="nothing", to=(Address(email=GRACE),))
    [third] = await sending.heard.wait(SendFailed, request_id="r-3")
    [fourth] = await sending.heard.wait(SendFailed, request_id="r-4")
    assert "reply_to_request_id" in third.failure.words
    assert "same account_id" in third.failure.remedy
    assert "reply_to_request_id" in fourth.failure.words
