"""The main path through Gmail while tokens run out every few seconds, the sender is killed and Google misbehaves: each
mail is sent once and filed once, each answer announced once, and nobody is asked to sign in again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendAccepted, SendDeferred, SendSent

from tests.faults.load import Load, under_load
from tests.flows.checker import violations
from tests.flows.gmail_world import GmailWorld, a_gmail_world
from tests.flows.settling import announced, ended, known, quiet, seen
from tests.flows.world import ADA, GRACE, reply_to
from tests.servers.gmail import ALL, SENT
from tests.servers.gmail_smtp import QUOTA, SILENT_LOST, SILENT_TAKEN

pytestmark = [pytest.mark.xdist_group("hurt-gmail"), pytest.mark.asyncio(loop_scope="module")]

TOKEN_SECONDS = 12
SOON = {
    "REPLYWIRE_BACKOFF_SECONDS": "[1, 1, 2]",
    "REPLYWIRE_MAILBOX_REST_SECONDS": "1",
    "REPLYWIRE_HOST_REST_SECONDS": "[1]",
}
PLACES = ("send.mid_body=kill:2", "send.after_dot=kill:2", "send.after_250=kill:2")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GmailWorld]:
    folder = tmp_path_factory.mktemp("gmail")
    async with a_gmail_world(folder, env={"send": SOON}, access_token_seconds=TOKEN_SECONDS) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(world: GmailWorld) -> str:
    return await world.connect()


async def sent(world: GmailWorld, account: str, request_id: str) -> SendSent:
    await world.send(account, request_id)
    return (await world.heard.wait(SendSent, request_id=request_id))[0]


async def test_a_mail_is_filed_by_google_alone_and_an_archived_answer_is_found(world: GmailWorld, account: str) -> None:
    mail = await sent(world, account, "path-1")
    own = mail.identities.message_ids[0]
    assert mail.identities.provider_thread_id == world.gmail.thread_of(ADA, own)
    answer = "<archived@example.org>"
    world.planted["path-1"].append(answer)
    world.dovecot.deliver(ADA, reply_to(own, answer, "Gladly."), folder=ALL)  # past INBOX, by a filter
    await announced(world, ["path-1"])
    assert world.sent_copies()[own] == 1


async def test_an_answer_that_names_nothing_is_known_by_its_conversation(world: GmailWorld, account: str) -> None:
    own = (await sent(world, account, "path-2")).identities.message_ids[0]
    answer = reply_to(own, "<nameless@example.org>", "Gladly.").replace(b"In-Reply-To:", b"X-GM-Double:")
    world.planted["path-2"].append("<nameless@example.org>")
    world.dovecot.deliver(ADA, answer.replace(b"References:", b"X-Was:").replace(b"Re: Lunch", b"Yes! Lunch"))
    [reply] = await world.heard.wait(ReplyDetected, request_id="path-2")
    assert reply.matched_by == "provider_thread"


async def test_what_the_person_answers_from_an_alias_is_no_reply(world: GmailWorld, account: str) -> None:
    own = (await sent(world, account, "path-3")).identities.message_ids[0]
    alias = reply_to(own, "<from-the-alias@example.net>", "One more thing.", sender="countess@example.net", to=GRACE)
    world.dovecot.deliver(ADA, alias, folder=SENT)
    later = "<after-the-alias@example.org>"
    world.planted["path-3"].append(later)
    world.dovecot.deliver(ADA, reply_to("<from-the-alias@example.net>", later, "Yes."))
    await announced(world, ["path-3"])
    assert [reply.message_id for reply in world.heard.of(ReplyDetected, request_id="path-3")] == [later]


@pytest.mark.parametrize("failpoint", PLACES)
async def test_a_sender_killed_anywhere_leaves_nothing_to_a_person(
    world: GmailWorld, account: str, failpoint: str
) -> None:
    requests = [f"{failpoint.partition('=')[0]}-{number}" for number in range(6)]
    await world.running.restart("send", {"REPLYWIRE_FAILPOINTS": failpoint})
    for request_id in requests:
        await world.send(account, request_id)
    assert await world.running.died("send") == -9, "the failpoint was never passed: this test shows nothing"
    await world.running.start("send", {"REPLYWIRE_FAILPOINTS": ""})
    await ended(world, requests)
    for request_id in requests:
        await world.heard.wait(SendSent, request_id=request_id)  # what the killed one still owed is told a little later
    outcome = await seen(world, requests)
    assert violations(outcome) == []
    assert {message["state"] for message in outcome.messages.values()} == {"sent"}


async def test_silence_after_the_dot_is_settled_by_looking(world: GmailWorld, account: str) -> None:
    for number, how in enumerate((SILENT_TAKEN, SILENT_LOST)):
        world.gmail.smtp.dots.append(how)
        mail = await sent(world, account, f"silence-{number}")
        assert mail.identities.provider_thread_id == world.gmail.thread_of(ADA, mail.identities.message_ids[0])
    outcome = await seen(world, ["silence-0", "silence-1"])
    assert violations(outcome) == []
    states = [[line["state"] for line in outcome.messages[f"silence-{n}"]["history"]] for n in range(2)]
    assert states[0].count("submitting") == 1, "it was there: nothing is sent again"
    assert states[1].count("submitting") == 2, "it was provably not there: it is sent once more"


async def test_google_and_its_mail_servers_may_come_and_go(world: GmailWorld, account: str) -> None:
    async with under_load(Load(world, {ADA: account}, "coming-and-going", mails=40)):
        await world.sink.stop()
        await asyncio.sleep(0.5)  # as long as a restart takes
        await world.sink.start()
        await world.gmail.postfix.kill()
        await world.gmail.postfix.start()
        world.dovecot.kill()
        await asyncio.sleep(0.5)
        await world.dovecot.start()


async def test_a_spent_quota_rests_the_mailbox_and_says_why(world: GmailWorld) -> None:
    spent = await world.connect("spent@example.com")
    world.gmail.smtp.says["DATA"].append(QUOTA)
    await world.send(spent, "quota-1")
    [deferred] = await world.heard.wait(SendDeferred, request_id="quota-1")
    assert deferred.failure.reason == "quota_reached"
    assert (deferred.retry_at - deferred.occurred_at).total_seconds() > 3000
    await world.send(spent, "quota-2")
    await world.heard.wait(SendAccepted, request_id="quota-2")
    async with world.running.api("send") as api, asyncio.timeout(30):
        while not (mailbox := (await api.get(f"/v1/sending/mailboxes/{spent}")).json()).get("waits_until"):
            await asyncio.sleep(0.1)  # the pause is written down once the worker rests
        for request_id in ("quota-1", "quota-2"):
            answer = await api.post(f"/v1/messages/{request_id}/cancel")
            assert answer.status_code < 300, answer.text
    assert mailbox["waits_for"]["reason"] == "quota_reached"
    assert (await world.message("quota-2"))["attempts"] == 0


async def test_when_every_timer_has_run_out_each_mail_and_each_answer_was_one(world: GmailWorld, account: str) -> None:
    await quiet(world)
    requests = await known(world)
    outcome = await seen(world, requests)
    assert violations(outcome) == []
    copies = world.sent_copies()
    sent = [m["identities"]["message_ids"][0] for m in outcome.messages.values() if m["state"] == "sent"]
    assert {copies[message_id] for message_id in sent} == {1}
    assert world.gmail.imap.most_at_once[ADA] <= 5
    async with world.running.api("auth") as api:
        assert (await api.get(f"/v1/accounts/{account}")).json()["state"] == "connected"
    assert world.sessions_ended > 0, "no token ran out in a session: this shows nothing"
