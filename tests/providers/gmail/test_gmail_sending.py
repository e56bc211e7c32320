"""Sending through Gmail: what Google files and names, and what its refusals stop."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.providers.errors import OutcomeUnknown, ReauthRequired, Scope, Transient
from services.providers.gmail import CLIENT
from services.providers.gmail.send import UNACKNOWLEDGED, GmailSend
from services.providers.gmail.settings import servers_of
from services.providers.smtp.dial import dial
from services.providers.smtp.timeouts import Timeouts
from services.providers.types import CopyVerdict, ProbeVerdict
from tests.providers.conformance.bench import Noted, message
from tests.providers.conformance.benches import GmailBench
from tests.providers.gmail.conftest import refused, with_token
from tests.servers.gmail import ALL, SENT, TRASH
from tests.servers.gmail_smtp import QUOTA, RATE, SILENT_LOST, SILENT_TAKEN, TOO_MANY_LOGINS


@pytest.fixture
async def send(mailbox: GmailBench) -> AsyncIterator[GmailSend]:
    send = GmailSend(mailbox.policy)
    yield send
    await send.close()


async def test_a_sent_message_is_known_by_googles_names_and_filed_once(mailbox: GmailBench, send: GmailSend) -> None:
    outgoing = message(mailbox)
    submitted = await send.submit(outgoing, mailbox.credentials(), Noted())
    thread = mailbox.gmail.thread_of(mailbox.address, outgoing.message_id)
    assert submitted.identities.provider_thread_id == thread
    assert submitted.identities.provider_message_id
    assert submitted.identities.message_ids == (outgoing.message_id,)
    assert (await send.file_sent_copy(outgoing, mailbox.credentials(), math.inf)).verdict is CopyVerdict.PROVIDER_FILES
    assert mailbox.gmail.dovecot.messages(mailbox.address, SENT) == [outgoing.mime]


async def test_postfix_takes_it_for_whom_the_openid_provider_names(mailbox: GmailBench, send: GmailSend) -> None:
    nobodys = with_token(mailbox, "of-nobody")
    assert isinstance(await refused(send.submit(message(mailbox), nobodys, Noted())), ReauthRequired)
    await send.submit(message(mailbox), mailbox.credentials(), Noted())
    log = [line for line in mailbox.gmail.postfix.log().splitlines() if "proxy-accept" in line or "failed" in line]
    assert "SASL XOAUTH2 authentication failed" in log[-2]
    assert f"sasl_username=<{mailbox.address}>" in log[-1]


async def test_a_message_is_sent_though_its_mailbox_cannot_be_read(mailbox: GmailBench, send: GmailSend) -> None:
    mailbox.gmail.imap.refusal = b"NO [UNAVAILABLE] Temporary problem (Failure)"
    outgoing = message(mailbox)
    submitted = await send.submit(outgoing, mailbox.credentials(), Noted())
    assert submitted.identities.provider_thread_id is None
    assert (await mailbox.taken()).count(outgoing.message_id) == 1


async def test_starttls_at_587_serves_as_tls_at_465_does(mailbox: GmailBench) -> None:
    mailbox.smtp = "starttls"
    send = GmailSend(mailbox.policy)
    outgoing = message(mailbox)
    await send.submit(outgoing, mailbox.credentials(), Noted())
    await send.close()
    assert (await mailbox.taken()).count(outgoing.message_id) == 1


@pytest.mark.parametrize(
    ("stage", "says", "reason", "least"),
    [
        ("DATA", QUOTA, "quota_reached", timedelta(hours=1)),
        ("MAIL", RATE, "rate_limited", timedelta(minutes=10)),
        ("AUTH", TOO_MANY_LOGINS, "login_throttled", timedelta(minutes=15)),
        (
            "AUTH",
            b"454 4.7.0 Cannot authenticate due to temporary system problem. Try again later. gsmtp\r\n",
            "login_unavailable",
            None,
        ),
        ("MAIL", b"421 4.3.0 Temporary System Problem. Try again later. gsmtp\r\n", "mailbox_unavailable", None),
    ],
)
async def test_what_google_says_of_one_mailbox_rests_that_mailbox_alone(
    stage: str, says: bytes, reason: str, least: timedelta | None, mailbox: GmailBench, send: GmailSend
) -> None:
    mailbox.gmail.smtp.says[stage].append(says)
    outgoing = message(mailbox)
    error = await refused(send.submit(outgoing, mailbox.credentials(), Noted()))
    assert isinstance(error, Transient)
    assert (error.reason, error.scope, error.retry_after) == (reason, Scope.MAILBOX, least)
    assert outgoing.message_id not in await mailbox.taken()


async def test_what_google_says_of_our_address_rests_the_host(mailbox: GmailBench, send: GmailSend) -> None:
    says = b"421 4.7.28 Our system has detected an unusual rate of mail originating from your IP address. gsmtp\r\n"
    mailbox.gmail.smtp.says["MAIL"].append(says)
    error = await refused(send.submit(message(mailbox), mailbox.credentials(), Noted()))
    assert isinstance(error, Transient)
    assert error.scope is Scope.HOST


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this platform cannot give up what was written")
async def test_an_absence_is_believed_only_after_nothing_written_can_still_arrive(mailbox: GmailBench) -> None:
    assert CLIENT.capabilities.probe_settle_seconds > UNACKNOWLEDGED
    smtp = servers_of(mailbox.address, mailbox.policy).smtp
    token = mailbox.credentials().secret["access_token"]
    connection = await dial(smtp, token, mailbox.policy, Timeouts(unacknowledged=UNACKNOWLEDGED))
    reached = connection.dialogue.transport.get_extra_info("socket")  # type: ignore[union-attr]
    assert reached.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNACKNOWLEDGED * 1000
    connection.end()


async def test_a_stale_token_is_refused_with_a_way_to_sign_in_and_a_fresh_one_sends(
    mailbox: GmailBench, send: GmailSend
) -> None:
    stale = mailbox.gmail.token(mailbox.address)
    mailbox.gmail.expire(stale)
    outgoing = message(mailbox)
    error = await refused(send.submit(outgoing, with_token(mailbox, stale), Noted()))
    assert isinstance(error, ReauthRequired)
    assert "Google" in error.remedy
    await send.submit(outgoing, with_token(mailbox, mailbox.gmail.token(mailbox.address)), Noted())
    assert (await mailbox.taken()).count(outgoing.message_id) == 1


async def test_a_token_of_another_mailbox_opens_nothing(mailbox: GmailBench, send: GmailSend) -> None:
    foreign = mailbox.gmail.token("mallory@example.com")
    error = await refused(send.submit(message(mailbox), with_token(mailbox, foreign), Noted()))
    assert isinstance(error, ReauthRequired)


@pytest.mark.parametrize("behind", [False, True], ids=["index up to date", "index behind"])
async def test_a_message_taken_in_silence_is_found(behind: bool, mailbox: GmailBench, send: GmailSend) -> None:
    mailbox.gmail.smtp.dots.append(SILENT_TAKEN)
    outgoing = message(mailbox)
    assert isinstance(await refused(send.submit(outgoing, mailbox.credentials(), Noted())), OutcomeUnknown)
    mailbox.gmail.imap.search_is_behind = behind
    probe = await send.probe(outgoing, mailbox.credentials(), None)
    assert probe.verdict is ProbeVerdict.FOUND
    assert probe.identities is not None
    thread = mailbox.gmail.thread_of(mailbox.address, outgoing.message_id)
    assert probe.identities.provider_thread_id == thread


async def test_a_message_lost_in_silence_is_provably_absent(mailbox: GmailBench, send: GmailSend) -> None:
    mailbox.gmail.smtp.dots.append(SILENT_LOST)
    outgoing = message(mailbox)
    assert isinstance(await refused(send.submit(outgoing, mailbox.credentials(), Noted())), OutcomeUnknown)
    probe = await send.probe(outgoing, mailbox.credentials(), None)
    assert (probe.verdict, probe.evidence) == (ProbeVerdict.ABSENT, "not in [Gmail]/All Mail and [Gmail]/Trash")


async def test_a_sent_message_that_its_person_threw_away_is_found(mailbox: GmailBench, send: GmailSend) -> None:
    outgoing = message(mailbox)
    mailbox.gmail.dovecot.deliver(mailbox.address, outgoing.mime, folder=TRASH)
    probe = await send.probe(outgoing, mailbox.credentials(), None)
    assert (probe.verdict, probe.evidence) == (ProbeVerdict.FOUND, f"in {TRASH}")
    other = message(mailbox)
    submitted = await send.submit(other, mailbox.credentials(), Noted())
    assert submitted.identities.provider_thread_id, "the look into the bin must not be where the next one looks"


@pytest.mark.parametrize("hidden", [TRASH, ALL])
async def test_an_absence_proves_nothing_where_a_folder_that_may_hold_the_message_is_hidden(
    hidden: str, mailbox: GmailBench, send: GmailSend
) -> None:
    outgoing = message(mailbox)
    mailbox.gmail.dovecot.deliver(mailbox.address, outgoing.mime, folder=hidden)
    mailbox.gmail.imap.hidden.add(hidden)
    probe = await send.probe(outgoing, mailbox.credentials(), None)
    assert probe.verdict is ProbeVerdict.CANNOT_KNOW
    assert "proves nothing" in (probe.evidence or "")
    mailbox.gmail.imap.hidden.clear()
    assert (await send.probe(outgoing, mailbox.credentials(), None)).verdict is ProbeVerdict.FOUND


async def test_a_search_that_fails_proves_nothing(mailbox: GmailBench, send: GmailSend) -> None:
    mailbox.gmail.imap.search_is_down = True
    error = await refused(send.probe(message(mailbox), mailbox.credentials(), None))
    assert isinstance(error, Transient)


async def test_a_burst_opens_few_connections(mailbox: GmailBench, send: GmailSend) -> None:
    logins = mailbox.gmail.smtp.logins
    many = [message(mailbox) for _ in range(20)]
    await asyncio.gather(*(send.submit(outgoing, mailbox.credentials(), Noted()) for outgoing in many))
    assert mailbox.gmail.smtp.logins - logins <= 3
    assert mailbox.gmail.imap.most_at_once[mailbox.address] == 1
