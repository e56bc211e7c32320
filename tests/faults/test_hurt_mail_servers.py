"""The mail servers are killed, restarted and made to refuse, defer and hang up at every stage, under load: what was
sent is sent once, every backoff is kept, and no answer is missed or repeated."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from replywire_contracts.v1.mailbox import MailboxGapRepaired
from replywire_contracts.v1.send import SendDeferred, SendFailed, SendSent, SendUnconfirmed
from replywire_contracts.v1.values import Address

from deploy.embedded.free_ports import free_port
from tests.faults.load import Load, under_load
from tests.flows.checker import violations
from tests.flows.settling import announced, ended, known, quiet, seen
from tests.flows.world import ADA, GRACE, World, a_world
from tests.servers import scripted_smtp
from tests.servers.dovecot import mail
from tests.servers.scripted_smtp import At, ScriptedSmtp, say

pytestmark = [pytest.mark.xdist_group("hurt-mail-servers"), pytest.mark.asyncio(loop_scope="module")]

SOON = {
    "REPLYWIRE_BACKOFF_SECONDS": "[1, 1, 2]",
    "REPLYWIRE_MAILBOX_REST_SECONDS": "1",
    "REPLYWIRE_HOST_REST_SECONDS": "[1]",
}
SCRIPTED_PORT = free_port()
STAGES = {
    "hangs up at the greeting": ("-q", "CONNECT"),
    "hangs up at EHLO": ("-q", "EHLO"),
    "hangs up at MAIL": ("-q", "MAIL"),
    "hangs up at RCPT": ("-q", "RCPT"),
    "hangs up at DATA": ("-q", "DATA"),
    "421 at EHLO": ("-Q", "EHLO"),
    "421 at MAIL": ("-Q", "MAIL"),
    "421 at RCPT": ("-Q", "RCPT"),
    "421 at DATA": ("-Q", "DATA"),
    "450 at MAIL": ("-r", "MAIL"),
    "450 at RCPT": ("-r", "RCPT"),
    "450 at DATA": ("-r", "DATA"),
}
"""What smtp-sink does, as its own options say."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("mail-servers")
    async with a_world(folder, env={"send": SOON}, open_ports=(SCRIPTED_PORT,)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(world: World) -> str:
    return await world.connect()


async def sink(world: World, *options: str) -> None:
    """Another server at the same address: connections are cut, the ledger stays."""
    await world.sink.stop()
    world.sink.options = options
    await world.sink.start()


@pytest.mark.parametrize("options", STAGES.values(), ids=STAGES)
async def test_a_server_that_turns_mail_away_for_now_gets_it_once_when_it_is_well(
    world: World, account: str, options: tuple[str, str]
) -> None:
    requests = [f"later{'-'.join(options)}-{number}" for number in range(3)]
    await sink(world, *options)
    for request_id in requests:
        await world.send(account, request_id)
    await asyncio.gather(*(world.heard.wait(SendDeferred, request_id=one) for one in requests[:1]))
    await sink(world)
    await ended(world, requests)
    outcome = await seen(world, requests)
    assert violations(outcome) == []
    assert {message["state"] for message in outcome.messages.values()} == {"sent"}


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_refuses_for_good_is_not_asked_again(world: World, account: str, stage: str) -> None:
    await sink(world, "-f", stage)
    await world.send(account, f"never-{stage}")
    [failed] = await world.heard.wait(SendFailed, request_id=f"never-{stage}")
    assert failed.failure.code.startswith("500")
    assert failed.failure.words
    assert failed.failure.remedy
    await sink(world)
    assert violations(await seen(world, [f"never-{stage}"])) == []
    assert failed.attempts == 1


async def test_a_server_that_hangs_up_after_the_dot_leaves_the_message_to_a_person(world: World, account: str) -> None:
    await sink(world, "-q", ".")
    await world.send(account, "silence")
    [unconfirmed] = await world.heard.wait(SendUnconfirmed, request_id="silence")
    await sink(world)
    async with world.running.api("send") as api:
        answer = await api.post("/v1/messages/silence/resolve", json={"decision": "resend"})
    assert answer.status_code < 300, answer.text
    await world.heard.wait(SendSent, request_id="silence")
    assert unconfirmed.failure.remedy
    outcome = await seen(world, ["silence"])
    assert violations(outcome) == []
    assert any(line.get("decision") == "resend" for line in outcome.messages["silence"]["history"])


async def test_of_several_recipients_the_refused_one_is_named_and_the_others_get_the_mail(world: World) -> None:
    script = ScriptedSmtp(port=SCRIPTED_PORT)
    async with scripted_smtp.running(script):
        mixed = await world.connect("mixed@example.com", smtp=scripted("mixed@example.com"))
        accept = say("250 2.1.5 Ok")
        script.on(At.RCPT, accept, say("550 5.1.1 No such user"), say("450 4.2.1 Try again later"), accept)
        to = tuple(Address(email=f"{name}@example.org") for name in ("grace", "nobody", "busy", "alan"))
        await world.send(mixed, "mixed", to=to)
        [sent] = await world.heard.wait(SendSent, request_id="mixed")
        assert [(one.email.partition("@")[0], one.accepted) for one in sent.recipients] == [
            ("grace", True),
            ("nobody", False),
            ("busy", False),
            ("alan", True),
        ]
        assert [one.code for one in sent.recipients if not one.accepted] == ["550 5.1.1", "450 4.2.1"]
        assert [accepted.recipients for accepted in script.ledger] == [("grace@example.org", "alan@example.org")]


def scripted(address: str) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": SCRIPTED_PORT, "security": "plain", "username": address}


async def test_an_smtp_server_killed_and_restarted_under_load_gets_each_mail_once(world: World, account: str) -> None:
    async with under_load(Load(world, {ADA: account}, "sink-killed", mails=90)):
        for _ in range(3):
            await sink(world)
            await asyncio.sleep(0.5)  # it works for a while in between


async def test_a_frozen_smtp_server_goes_on_where_it_was(world: World, account: str) -> None:
    async with under_load(Load(world, {ADA: account}, "sink-frozen", mails=60)):
        world.sink.freeze()
        await asyncio.sleep(5)  # longer than a lease
        world.sink.thaw()


async def test_a_dovecot_killed_and_restarted_under_load_misses_no_answer_and_no_sent_copy(
    world: World, account: str
) -> None:
    async with under_load(Load(world, {ADA: account}, "dovecot-killed", mails=60)):
        for _ in range(2):
            world.dovecot.kill()
            await asyncio.sleep(1)  # as long as a restart takes
            await world.dovecot.start()
            await asyncio.sleep(1)


@pytest.mark.parametrize("failpoint", ["send.before_copy=kill:2", "send.after_copy=kill:2"])
async def test_a_sender_killed_around_the_sent_copy_files_it_once(world: World, account: str, failpoint: str) -> None:
    requests = [f"{failpoint.partition('=')[0]}-{number}" for number in range(4)]
    await world.running.restart("send", {"REPLYWIRE_FAILPOINTS": failpoint})
    for request_id in requests:
        await world.send(account, request_id)
    assert await world.running.died("send") == -9, "the failpoint was never passed: this test shows nothing"
    await world.running.start("send", {"REPLYWIRE_FAILPOINTS": ""})
    await ended(world, requests)
    await quiet(world)
    assert violations(await seen(world, requests, (ADA,))) == []


async def test_a_renumbered_mailbox_is_read_again_reported_and_repeats_no_answer(world: World, account: str) -> None:
    await world.send(account, "renumbered")
    [sent] = await world.heard.wait(SendSent, request_id="renumbered")
    world.answer(sent, "Before.")
    await announced(world, ["renumbered"])
    gaps = world.product.subscribe(MailboxGapRepaired, durable="gaps", from_start=True)
    async with gaps:
        await world.dovecot.stop()
        # Without its index Dovecot numbers the folder anew: another UIDVALIDITY, as after a restore from a backup.
        for file in world.dovecot.maildir(ADA).glob("dovecot*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        world.answer(sent, "While it was away.")
        world.dovecot.deliver(ADA, mail(1))
        await world.dovecot.start()
        await announced(world, ["renumbered"])
        async with asyncio.timeout(60):
            gap = await anext(aiter(gaps))
    assert (gap.account_id, gap.folder) == (account, "INBOX")
    assert gap.rescanned > gap.found >= 1
    assert violations(await seen(world, ["renumbered"])) == []


async def test_when_every_timer_has_run_out_each_mail_and_each_answer_was_one(world: World) -> None:
    await quiet(world)
    requests = [request_id for request_id in await known(world) if request_id != "mixed"]
    assert GRACE in {name for one in world.sink.taken() for name in one.recipients}
    assert violations(await seen(world, requests, (ADA,))) == []
