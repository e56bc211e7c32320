"""What the provider answers becomes one outcome that a person can act on, and waits as long as it must."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from replywire_contracts.v1.account import AccountNeedsReauth
from replywire_contracts.v1.rpc import AddIdentities
from replywire_contracts.v1.send import SendCancelled, SendDeferred, SendFailed, SendSent
from replywire_contracts.v1.values import Address, Failure

from services.providers.errors import Scope, Transient
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.services.send.world import ADA, GRACE, LIN, SECRET, World, times_sent

BUSY = Transient("busy", code="451 4.3.2", words="try again later")


async def test_a_refused_recipient_fails_with_the_servers_words_and_a_remedy(sending: World) -> None:
    account = await sending.connect()
    WORLD.refused[GRACE] = "550 5.1.1 no such user"
    await sending.send(account, "r-1")
    [failed] = await sending.heard.wait(SendFailed, request_id="r-1")
    assert (failed.failure.reason, failed.failure.code) == ("refused_recipient", "550 5.1.1")
    assert "no such user" in failed.failure.words
    assert failed.failure.remedy
    assert WORLD.ledger == []


async def test_a_mail_that_some_recipients_refuse_is_sent_and_says_so(sending: World) -> None:
    account = await sending.connect()
    WORLD.refused[LIN] = "550 5.1.1 no such user"
    await sending.send(account, "r-1", to=(Address(email=GRACE), Address(email=LIN)))
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    assert [(each.email, each.accepted) for each in sent.recipients] == [(GRACE, True), (LIN, False)]
    assert (await sending.message("r-1"))["recipient_outcomes"][1]["code"] == "550 5.1.1"


async def test_a_temporary_refusal_is_told_and_tried_again_with_the_same_bytes(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.BODY, BUSY, BUSY)
    await sending.send(account, "r-1")
    await sending.heard.wait(SendSent, request_id="r-1")
    deferred = sending.heard.of(SendDeferred, request_id="r-1")
    assert [event.attempts for event in deferred] == [1, 2]
    assert deferred[0].failure.code == "451 4.3.2"
    message = await sending.message("r-1")
    times = [line for line in message["history"] if line["state"] in ("deferred", "submitting")]
    for refused, again in zip(times[1::2], times[2::2], strict=True):
        assert again["at"] >= refused["retry_at"], "tried before its time"
    assert message["attempts"] == 3


async def test_a_time_the_provider_names_is_kept(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.LOGIN, Transient("throttled", retry_after=timedelta(seconds=1)))
    await sending.send(account, "r-1")
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    [deferred] = sending.heard.of(SendDeferred, request_id="r-1")
    assert deferred.retry_at - deferred.occurred_at == timedelta(seconds=1)
    assert sent.occurred_at >= deferred.retry_at


async def test_a_refusal_that_outlives_patience_fails(world: World) -> None:
    async with world.replica(patience_seconds=0.3):
        account = await world.connect()
        WORLD.misbehave(Step.LOGIN, *[BUSY] * 20)
        await world.send(account, "r-1")
        [failed] = await world.heard.wait(SendFailed, request_id="r-1")
    assert failed.failure.code == "451 4.3.2"
    assert "patience" in failed.failure.remedy


async def test_a_throttled_mailbox_rests_as_a_whole_and_shows_why(sending: World) -> None:
    account = await sending.connect()
    pause = timedelta(seconds=1)
    WORLD.misbehave(Step.LOGIN, Transient("quota", words="daily limit", retry_after=pause, scope=Scope.MAILBOX))
    await sending.send(account, "r-1")
    [deferred] = await sending.heard.wait(SendDeferred, request_id="r-1")
    await sending.send(account, "r-2")
    [second] = await sending.heard.wait(SendSent, request_id="r-2")
    assert second.occurred_at >= deferred.occurred_at + pause
    await sending.heard.wait(SendSent, request_id="r-1")
    assert not sending.heard.of(SendDeferred, request_id="r-2"), "only one message pays for the mailbox's refusal"


async def test_a_rate_is_kept_and_shown(world: World) -> None:
    async with world.replica(per_minute=60):
        account = await world.connect()
        mailboxes = world.database["mailboxes"]
        async with world.api() as api:
            while (await api.get(f"/v1/sending/mailboxes/{account}")).status_code != 200:
                pass
        async with asyncio.timeout(20):  # whoever looked at the new mailbox has left it
            while await mailboxes.find_one(
                {"_id": account, "$or": [{"owner": {"$ne": None}}, {"next_due": {"$exists": True}}]}
            ):
                await asyncio.sleep(0.05)
        await mailboxes.update_one({"_id": account}, {"$set": {"bucket": {"tokens": 1.0, "at": _now()}}})
        for number in range(3):
            await world.send(account, f"r-{number}")
        sent = await world.heard.wait(SendSent, count=3)
        async with world.api() as api:
            assert "rate_tokens" in (await api.get(f"/v1/sending/mailboxes/{account}")).json()
    times = sorted(event.occurred_at for event in sent)
    assert times[2] - times[0] > timedelta(seconds=0.9)


async def test_refused_credentials_park_the_mailbox_until_its_person_reconnects(sending: World) -> None:
    account = await sending.connect()
    WORLD.accounts[ADA].password = "changed"
    await sending.send(account, "r-1")
    [deferred] = await sending.heard.wait(SendDeferred, request_id="r-1")
    assert (deferred.failure.reason, deferred.failure.code) == ("needs_reauth", "535 5.7.8")
    [report] = sending.neighbours.rejected
    assert (report.account_id, report.revision) == (account, 1)
    await sending.change(account, "needs_reauth")
    await sending.tell(AccountNeedsReauth, account, failure=Failure(reason="refused_login"))
    async with sending.api() as api:
        while (await api.get(f"/v1/sending/mailboxes/{account}")).json()["state"] != "needs_reauth":
            pass
    await sending.send(account, "r-2")
    [parked] = await sending.heard.wait(SendDeferred, request_id="r-2")
    assert parked.failure.reason == "needs_reauth"
    assert WORLD.ledger == []
    WORLD.accounts[ADA].password = SECRET
    await sending.connect(account_id=account, revision=3)
    await sending.heard.wait(SendSent, count=2)
    assert sorted(times_sent().values()) == [1, 1]


async def test_a_disconnected_account_cancels_what_has_not_left(sending: World) -> None:
    account = await sending.connect()
    WORLD.misbehave(Step.LOGIN, Transient("away", retry_after=timedelta(hours=1)))
    await sending.send(account, "r-1")
    await sending.heard.wait(SendDeferred, request_id="r-1")
    await sending.disconnect(account)
    [cancelled] = await sending.heard.wait(SendCancelled, request_id="r-1")
    assert cancelled.reason == "account_disconnected"
    await sending.send(account, "r-2")
    [failed] = await sending.heard.wait(SendFailed, request_id="r-2")
    assert "account_id" in failed.failure.words


async def test_a_name_the_provider_gave_reaches_reply_matching_however_long_that_is_away(sending: World) -> None:
    account = await sending.connect()
    WORLD.rewrites = "<given@provider.example.com>"
    sending.neighbours.away.add(AddIdentities)
    await sending.send(account, "r-1")
    [sent] = await sending.heard.wait(SendSent, request_id="r-1")
    assert sent.identities.message_ids[1] == WORLD.rewrites
    sending.neighbours.away.clear()
    async with asyncio.timeout(30):
        while "r-1" not in sending.neighbours.added:
            await asyncio.sleep(0.05)
    assert WORLD.rewrites in sending.neighbours.added["r-1"].identities.message_ids


def _now() -> object:
    from datetime import UTC, datetime

    return datetime.now(UTC)
