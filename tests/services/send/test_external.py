"""Messages of External accounts are a work queue: taken under a lease, reported, never given up silently."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from replywire_contracts.v1.rpc import Register
from replywire_contracts.v1.send import SendAccepted, SendCancelled, SendDeferred, SendFailed, SendSent, SendUnconfirmed
from replywire_contracts.v1.values import Body

from tests.services.send.external_world import Worker, external_account, octets, worker
from tests.services.send.world import ADA, GRACE, World


async def test_a_message_is_taken_sent_and_reported_with_every_event_and_name(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1")
    async with worker(sending) as code:
        lease, message = await code.one()
        assert (message["sender"], message["recipients"], message["taken"]) == (ADA, [GRACE], 1)
        assert message["message_id"].encode() in octets(message)
        at = datetime.now(UTC) - timedelta(seconds=30)
        wire = "0102018f@example.net"
        told = await code.told(
            "r-1", "sent", lease, sent_at=at.isoformat(), message_id=wire, thread_id="thread-9", words="250 Ok"
        )
    assert told == {"request_id": "r-1", "state": "sent", "heard": "recorded"}
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    assert sending.heard.of(SendAccepted, request_id="r-1")
    assert sent.identities.message_ids == (message["message_id"], f"<{wire}>")
    assert (sent.identities.provider_thread_id, sent.sent_at) == ("thread-9", at)
    async with asyncio.timeout(30):
        while "r-1" not in sending.neighbours.added:
            await asyncio.sleep(0.02)
    assert sending.neighbours.added["r-1"].identities.provider_thread_id == "thread-9"
    stored = await sending.message("r-1")
    assert [line["state"] for line in stored["history"]] == ["queued", "handed_out", "sent"]
    assert stored["history"][1]["by"] == "key-acme"


async def test_nothing_can_be_taken_before_its_names_are_registered(sending: World) -> None:
    sending.neighbours.away.add(Register)
    account = await external_account(sending)
    await sending.send(account, "r-1")
    await sending.heard.wait(SendAccepted, request_id="r-1")
    async with worker(sending) as code:
        assert (await code.take(wait=0.5))["messages"] == []
        sending.neighbours.away.clear()
        await code.one()
    assert "r-1" in sending.neighbours.registered


async def test_who_waits_is_woken_by_a_message_that_another_replica_stored(world: World) -> None:
    async with world.replica(), world.replica(), worker(world, app=0) as one, worker(world, app=1) as other:
        account = await external_account(world)
        waiting = [asyncio.create_task(each.take(1, wait=40)) for each in (one, other)]
        await asyncio.sleep(0.5)  # both wait
        for number in range(2):
            await world.send(account, f"r-{number}")
        async with asyncio.timeout(4):  # less than the safety poll
            taken = await asyncio.gather(*waiting)
        assert sorted(each["messages"][0]["request_id"] for each in taken) == ["r-0", "r-1"]


async def test_who_hangs_up_while_waiting_is_given_nothing(sending: World) -> None:
    account = await external_account(sending)
    async with worker(sending) as code:
        waiting = [asyncio.create_task(code.take(1, wait=40)) for _ in range(3)]
        await asyncio.sleep(0.5)  # all wait
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await sending.send(account, "r-1")
        _, message = await code.one(wait=10)
    assert message["request_id"] == "r-1"
    released = [line for line in (await sending.message("r-1"))["history"] if line["state"] == "queued"]
    assert len(released) <= 2, "taken for nobody at most while the word of it was on its way"


async def test_an_expired_lease_offers_the_same_octets_again_and_extending_holds_it(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1", text=Body(text="x" * 200_000))
    async with worker(sending) as code:
        first, message = await code.one(lease=1)
        extended = await code.tell("r-1", "extend", first, lease_seconds=2)
        assert extended.status_code == 200, extended.text
        begun = asyncio.get_running_loop().time()
        _, again = await code.one(wait=20)
        assert asyncio.get_running_loop().time() - begun > 1.5, "the longer lease was kept"
        assert (octets(again), again["message_id"], again["taken"]) == (octets(message), message["message_id"], 2)
        refused = await code.tell("r-1", "extend", first, lease_seconds=2)
    assert (refused.status_code, refused.json()["code"]) == (409, "lease_passed_on")


async def test_a_late_sent_report_takes_the_message_back_and_nothing_is_told_twice(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1")
    async with worker(sending) as code:
        first, _ = await code.one(lease=1)
        second, _ = await code.one(wait=20)
        late = await code.told("r-1", "sent", first, message_id="<first@example.net>")
        assert (late["heard"], late["state"]) == ("late", "sent")
        refused = await code.tell("r-1", "extend", second)
        assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "already_closed", "sent")
        failed = await code.tell("r-1", "failed", second, words="550 no")
        assert (failed.status_code, failed.json()["code"]) == (409, "already_closed")
        also = await code.told("r-1", "sent", second, message_id="<second@example.net>")
        assert also["heard"] == "known"
        for lease in (first, second):
            assert (await code.told("r-1", "sent", lease))["heard"] == "known"
    await sending.heard.wait(SendSent, request_id="r-1")
    stored = await sending.message("r-1")
    assert [line.get("late", False) for line in stored["history"] if line["state"] == "sent"] == [True, False]
    names = stored["identities"]["message_ids"]
    assert {"<first@example.net>", "<second@example.net>"} < set(names), "answers to either mail lead home"
    async with asyncio.timeout(30):
        while "<second@example.net>" not in sending.neighbours.added["r-1"].identities.message_ids:
            await asyncio.sleep(0.02)
    assert len({event.id for event in sending.heard.of(SendSent, request_id="r-1")}) == 1


async def test_a_failure_after_an_unheard_taker_is_not_called_a_failure(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1")
    async with worker(sending) as code:
        first, _ = await code.one(lease=1)
        second, _ = await code.one(wait=20)
        passed_on = await code.tell("r-1", "release", first)
        assert (passed_on.status_code, passed_on.json()["code"]) == (409, "lease_passed_on")
        told = await code.told("r-1", "failed", second, **{"class": "refused_recipient"}, words="no such user")
        assert told["state"] == "failed", "the first had said that it did not send it"
        await sending.send(account, "r-2")
        first, _ = await code.one(lease=1)
        second, _ = await code.one(wait=20)
        told = await code.told("r-2", "failed", second, words="no such user")
        assert told["state"] == "unconfirmed"
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert (failed.failure.reason, failed.failure.words) == ("refused_recipient", "no such user")
    [unconfirmed] = await sending.heard.wait(SendUnconfirmed, request_id="r-2")
    assert "no such user" in unconfirmed.failure.words
    async with worker(sending) as code:  # and then the first is heard after all
        assert (await code.told("r-2", "failed", first))["state"] == "failed"
    await sending.heard.wait(SendFailed, request_id="r-2")


async def test_what_is_given_back_is_offered_when_it_was_asked_to_be(sending: World) -> None:
    account = await external_account(sending)
    await sending.send(account, "r-1")
    async with worker(sending) as code:
        lease, _ = await code.one()
        told = await code.told("r-1", "release", lease, retry_in_seconds=1, words="421 later")
        assert told["state"] == "deferred"
        assert (await code.told("r-1", "release", lease, retry_in_seconds=1))["heard"] == "known"
        assert (await code.take(wait=0))["messages"] == []
        lease, message = await code.one(wait=20)
        assert message["taken"] == 2
        await code.told("r-1", "release", lease)
        await code.one(wait=5)
    [deferred] = await sending.heard.wait(SendDeferred, request_id="r-1")
    assert deferred.failure.words == "421 later"


async def test_what_is_never_reported_is_visible_alerts_and_is_resolved_by_hand(
    nats_url: str, mongodb_url: str, mongodb_database: str
) -> None:
    from tests.services.send.world import a_world

    async with a_world(nats_url, mongodb_url, mongodb_database, external_lapses=2) as world, world.replica():
        account = await external_account(world)
        await world.send(account, "r-1")
        async with worker(world) as code:
            given_up = _measured(await _metrics(code), "replywire_external_never_reported_total")
            first, _ = await code.one(lease=1)
            async with asyncio.timeout(20):  # until somebody takes it again it is shown, and measured, as overdue
                while [each["request_id"] for each in await _listed(code, "overdue")] != ["r-1"]:
                    await asyncio.sleep(0.05)
                while _measured(await _metrics(code), 'replywire_external_messages{status="overdue"}') != 1:
                    await asyncio.sleep(0.05)
            second, _ = await code.one(wait=20, lease=1)
            [unconfirmed] = await world.heard.wait(SendUnconfirmed, request_id="r-1")
            assert unconfirmed.failure.reason == "never_reported"
            assert "2 times" in unconfirmed.failure.words
            assert (await code.take(wait=0))["messages"] == []
            parked = (await code.api.get("/v1/messages", params={"state": "unconfirmed"})).json()["items"]
            assert [each["request_id"] for each in parked] == ["r-1"]
            answer = await code.api.post("/v1/messages/r-1/resolve", json={"decision": "resend"})
            assert answer.status_code == 200, answer.text
            third, message = await code.one()
            assert message["taken"] == 3
            assert [each["request_id"] for each in await _listed(code, "handed_out")] == ["r-1"]
            assert _measured(await _metrics(code), "replywire_external_never_reported_total") == given_up + 1
            assert (await code.told("r-1", "sent", first))["heard"] == "late"
            assert (await code.tell("r-1", "failed", third)).status_code == 409
            assert (await code.tell("r-1", "failed", second)).status_code == 409


async def _metrics(code: Worker) -> str:
    return (await code.api.get("/metrics")).text


def _measured(metrics: str, name: str) -> float:
    """A name alone proves nothing: it stands there before anything was counted."""
    [value] = [line.rpartition(" ")[2] for line in metrics.splitlines() if line.startswith(f"{name} ")]
    return float(value)


async def _listed(code: Worker, status: str) -> list[dict[str, object]]:
    answer = await code.api.get("/v1/external/messages", params={"status": status})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, object]] = answer.json()["items"]
    return items


async def test_cancelling_and_disconnecting_end_what_nobody_has_taken(sending: World) -> None:
    account = await external_account(sending)
    for number in range(3):
        await sending.send(account, f"r-{number}")
    await sending.heard.wait(SendAccepted, count=3)
    async with worker(sending) as code:
        await code.api.post("/v1/messages/r-0/cancel")
        await sending.heard.wait(SendCancelled, request_id="r-0")
        lease, message = await code.one()
        taken = message["request_id"]
        await code.api.post(f"/v1/messages/{taken}/cancel")
        assert (await code.told(taken, "release", lease))["state"] == "cancelled"
        await sending.disconnect(account)
        [left] = {"r-1", "r-2"} - {taken}
        [cancelled] = await sending.heard.wait(SendCancelled, request_id=left)
        assert cancelled.reason == "account_disconnected"
        assert (await code.take(wait=0))["messages"] == []


async def test_times_are_kept(sending: World) -> None:
    account = await external_account(sending)
    now = datetime.now(UTC)
    await sending.send(account, "later", send_at=now + timedelta(seconds=2))
    await sending.send(account, "over", expires_at=now + timedelta(seconds=1))
    [failed] = await sending.heard.wait(SendFailed, request_id="over")
    assert failed.failure.reason == "expired"
    async with worker(sending) as code:
        _, message = await code.one(wait=20)
        assert message["request_id"] == "later"
        assert datetime.now(UTC) >= now + timedelta(seconds=2)
