"""The main job through four processes: a mailbox connected, a mail sent and filed, its answer announced."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from replywire_contracts.v1.reply import AutoReplyDetected, BounceDetected, ReplyDetected
from replywire_contracts.v1.send import SendAccepted, SendFailed, SendSent
from replywire_contracts.v1.values import Address, Body

from tests.flows.settling import bus
from tests.flows.world import ADA, GRACE, World, a_world, reply_to
from tests.servers.stack import TEAM

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "contracts" / "examples"
pytestmark = [pytest.mark.xdist_group("flows"), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("main-path")) as made:
        yield made


async def test_a_request_becomes_a_mail_and_its_answer_an_event(world: World) -> None:
    account = await world.connect()
    await world.send(account, "main-1", metadata={"campaign": "spring"})
    [sent] = await world.heard.wait(SendSent, request_id="main-1")
    assert world.heard.of(SendAccepted, request_id="main-1")
    assert sent.metadata == {"campaign": "spring"}
    [taken] = [one for one in world.sink.taken() if one.message_id == sent.identities.message_ids[0]]
    assert (taken.sender, taken.recipients) == (ADA, (GRACE,))

    answer = world.answer(sent, "Gladly, at noon.")
    [reply] = await world.heard.wait(ReplyDetected, request_id="main-1")
    assert (reply.message_id, reply.new_text.text, reply.matched_by) == (answer, "Gladly, at noon.", "in_reply_to")
    assert (reply.message_class, reply.sender_matches, reply.metadata) == ("human", True, {"campaign": "spring"})


async def test_the_sent_copy_lies_once_in_the_sent_folder(world: World) -> None:
    account = await world.connect("copies@example.com")
    await world.send(account, "copy-1")
    [sent] = await world.heard.wait(SendSent, request_id="copy-1")
    async with asyncio.timeout(30):
        while (await world.message("copy-1"))["sent_copy"]["state"] != "done":
            await asyncio.sleep(0.05)  # the copy is a job of its own and announces nothing
    copies = world.copies("copies@example.com")
    assert [copy["Message-ID"] for copy in copies] == [sent.identities.message_ids[0]]


async def test_a_follow_up_joins_the_thread_and_its_answer_names_it(world: World) -> None:
    account = await world.connect()
    await world.send(account, "thread-1")
    [first] = await world.heard.wait(SendSent, request_id="thread-1")
    await world.send(account, "thread-2", reply_to_request_id="thread-1", text=Body(text="Any news?\n"))
    [second] = await world.heard.wait(SendSent, request_id="thread-2")
    [mail] = [one for one in world.sink.taken() if one.message_id == second.identities.message_ids[0]]
    assert f"In-Reply-To: {first.identities.message_ids[0]}".encode() in mail.message
    world.answer(second)
    await world.heard.wait(ReplyDetected, request_id="thread-2")


async def test_an_automatic_answer_and_a_bounce_are_no_replies(world: World) -> None:
    account = await world.connect()
    await world.send(account, "classes-1")
    [sent] = await world.heard.wait(SendSent, request_id="classes-1")
    own = sent.identities.message_ids[0]
    away = reply_to(own, "<away@example.org>", "I am away.").replace(
        b"MIME-Version", b"Auto-Submitted: auto-replied\r\nMIME-Version"
    )
    world.dovecot.deliver(ADA, away, bounce_of(own))
    await world.heard.wait(AutoReplyDetected, request_id="classes-1")
    [bounce] = await world.heard.wait(BounceDetected, request_id="classes-1")
    assert [(one.email, one.hardness, one.status) for one in bounce.recipients] == [(GRACE, "hard", "5.1.1")]
    assert not world.heard.of(ReplyDetected, request_id="classes-1")


async def test_an_answer_that_was_sorted_into_junk_is_found(world: World) -> None:
    account = await world.connect()
    await world.send(account, "junk-1")
    [sent] = await world.heard.wait(SendSent, request_id="junk-1")
    own = sent.identities.message_ids[0]
    world.planted["junk-1"].append("<junk@example.org>")
    world.dovecot.deliver(ADA, reply_to(own, "<junk@example.org>", "Is this thing on?"), folder="Junk")
    async with world.running.api("inbox_sync") as api:
        assert (await api.post(f"/v1/mailboxes/{account}/resync")).status_code < 300
    await world.heard.wait(ReplyDetected, request_id="junk-1")


async def test_the_same_request_twice_is_one_mail_and_other_content_is_refused(world: World) -> None:
    account = await world.connect()
    await world.send(account, "twice-1")
    [sent] = await world.heard.wait(SendSent, request_id="twice-1")
    await world.send(account, "twice-1", correlation_id="the same again")
    await world.send(account, "twice-1", subject="Something else entirely")
    [refused] = await world.heard.wait(SendFailed, request_id="twice-1")
    assert refused.failure.reason == "request_id_reused"
    assert world.sink.message_ids().count(sent.identities.message_ids[0]) == 1
    assert (await world.message("twice-1"))["state"] == "sent"


async def test_bad_input_is_refused_by_field_and_remedy(world: World) -> None:
    account = await world.connect()
    await world.send(account, "bad-address", to=(Address(email="no at sign here"),))
    await world.send(account, "bad-header", headers={"X-Fine": "a\r\nBcc: all@example.net"})
    await world.send("acc_unknown", "bad-account")
    for request_id, field in (("bad-address", "to"), ("bad-header", "headers"), ("bad-account", "account_id")):
        [failed] = await world.heard.wait(SendFailed, request_id=request_id)
        assert field in failed.failure.words + failed.failure.reason, failed.failure
        assert failed.failure.remedy, failed.failure


@contextlib.asynccontextmanager
async def program(path: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A product's own, as a process; ended in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(path), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().strip()


async def until_subscribed(world: World, durable: str) -> None:
    """Its place in the stream of answers is taken."""
    async with bus(world) as js, asyncio.timeout(60):
        while durable not in {place.name for place in await js.consumers_info("REPLIES")}:
            await asyncio.sleep(0.05)


async def test_the_contracts_examples_send_a_mail_and_print_its_answer(world: World) -> None:
    account, url = await world.connect(), world.running.stack.nats_url_for("product")
    async with program(EXAMPLES / "subscribe.py", url, TEAM) as subscriber:
        await until_subscribed(world, f"example-{TEAM}")
        async with program(EXAMPLES / "publish.py", url, TEAM, account, GRACE) as publisher:
            kind, request_id = (await line_of(publisher)).split()
            assert await publisher.wait() == 0
        assert kind == SendSent.kind()
        [sent] = await world.heard.wait(SendSent, request_id=request_id)
        world.answer(sent, "Friday it is.")
        assert await line_of(subscriber) == f"{request_id} {GRACE} Friday it is."


async def test_the_readmes_program_sends_a_mail_and_prints_its_answer(world: World, tmp_path: Path) -> None:
    account, stack = await world.connect(), world.running.stack
    [shown] = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    for written, here in {
        "nats://localhost:4222": stack.nats_url_for("product"),
        'user="product", password=...': f'user="product", password="{stack.secrets.nats["product"]}"',
        "acc_...": account,
        'team_id="acme"': f'team_id="{TEAM}"',
        'team="acme"': f'team="{TEAM}"',
    }.items():
        assert written in shown, written
        shown = shown.replace(written, here)
    head, start, body = shown.partition("async with")
    program_file = tmp_path / "shown.py"
    whole = f"{head}\nimport asyncio\nasync def main():\n{textwrap.indent(start + body, '    ')}\nasyncio.run(main())\n"
    program_file.write_text(whole)
    async with program(program_file) as product:
        [sent] = await world.heard.wait(SendSent, request_id="order-17-welcome")
        await until_subscribed(world, "crm")
        world.answer(sent, "Friday suits me.")
        assert await line_of(product) == "order-17-welcome human Friday suits me."


def bounce_of(own: str, recipient: str = GRACE) -> bytes:
    return (
        "Return-Path: <>\r\nFrom: Mail Delivery System <MAILER-DAEMON@example.com>\r\nTo: <ada@example.com>\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <bounce-{abs(hash(own))}@example.com>\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\r\n\r\n'
        "--=_b\r\nContent-Type: text/plain\r\n\r\nThe address does not exist.\r\n\r\n"
        "--=_b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <grace@example.org>: Recipient address rejected: User unknown\r\n\r\n"
        f"--=_b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {own}\r\nTo: <{recipient}>\r\n"
        "From: <ada@example.com>\r\nSubject: Lunch on Friday?\r\n\r\nWould you join us?\r\n\r\n--=_b--\r\n"
    ).encode()
