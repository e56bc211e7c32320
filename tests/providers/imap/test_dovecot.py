from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from services.providers.errors import CursorVoid, Permanent, ReauthRequired, Transient
from services.providers.protocols import ConnectPolicy, MailboxSession, Sync
from services.providers.smtp_imap import CLIENT
from services.providers.smtp_imap.sync import PAGE, SmtpImapSync
from services.providers.types import Folder, FolderRole, HeaderSet, MessageRef
from tests.providers.imap.conftest import INBOX, LOOPBACK, Mailbox, credentials, news, pages
from tests.servers.dovecot import Dovecot, mail

JUNK = Folder("Junk", "Junk", FolderRole.JUNK)


def subjects(headers: Iterable[HeaderSet]) -> list[str]:
    return [line for header in headers for line in header.block.decode().split("\r\n") if line.startswith("Subject")]


async def test_the_record_makes_a_session_that_conforms(mailbox: Mailbox) -> None:
    assert CLIENT.sync is not None
    made: Sync = CLIENT.sync(mailbox.policy)
    session: MailboxSession = await made.open(mailbox.credentials())
    assert [folder.role for folder in await session.folders()] == [FolderRole.INBOX, FolderRole.JUNK]
    await session.close()


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
async def test_a_mailbox_is_read_however_its_connection_is_protected(mailbox: Mailbox, security: str) -> None:
    mailbox.deliver(mail(1))
    session = await mailbox.open(security)
    uidvalidity = (await session.start(INBOX)).split(":")[0]
    assert subjects(await news(session, f"{uidvalidity}:0")) == ["Subject: Message 1"]


async def test_nothing_older_than_the_start_is_news(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1), mail(2))
    session = await mailbox.open()
    cursor = await session.start(INBOX)
    assert await news(session, cursor) == []
    mailbox.deliver(mail(3))
    assert subjects(await news(session, cursor)) == ["Subject: Message 3"]


async def test_only_judged_fields_come_of_a_message(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1, lines=["X-Secret: planted", "List-Id: <x.example.com>"], body="planted body"))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert b"planted" not in header.block
    assert b"List-Id: <x.example.com>\r\n" in header.block


async def test_headers_come_as_the_server_has_them_with_its_own_date(mailbox: Mailbox) -> None:
    received = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    mailbox.deliver(b"Subject: caf\xe9 =?utf-8?q?x?=\r\n folded\r\n\r\nbody\r\n", received=received.timestamp())
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert header.block.startswith(b"Subject: caf\xe9 =?utf-8?q?x?=\r\n folded\r\n")
    assert header.received_at == received


async def test_reading_marks_nothing_as_read(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert await session.fetch(header.ref, 10_000) == mail(1)
    assert mailbox.dovecot.flags(mailbox.user) in ([], [""])


async def test_a_backlog_comes_page_by_page_and_every_cursor_can_be_gone_on_from(mailbox: Mailbox) -> None:
    total = 2 * PAGE + 3
    mailbox.deliver(*map(mail, range(total)))
    session = await mailbox.open()
    uidvalidity = (await session.start(INBOX)).split(":")[0]
    read = await pages(session, f"{uidvalidity}:0")
    assert [len(page.headers) for page in read] == [PAGE, PAGE, 3]
    assert [page.more for page in read] == [True, True, False]
    assert [page.remaining for page in read] == [PAGE + 3, 3, 0]
    again = await mailbox.open()  # killed after the first page
    assert [page.headers for page in await pages(again, read[0].cursor)] == [read[1].headers, read[2].headers]


async def test_bodies_may_be_fetched_between_the_pages_of_a_backlog(mailbox: Mailbox) -> None:
    mailbox.deliver(*map(mail, range(2 * PAGE + 1)))
    mailbox.deliver(mail(-1), folder="Junk")
    session = await mailbox.open()
    junk = (await news(session, (await session.start(JUNK)).split(":")[0] + ":0", JUNK))[0]
    seen = []
    async for page in session.changes(INBOX, (await session.start(INBOX)).split(":")[0] + ":0"):
        seen += subjects(page.headers)
        assert await session.fetch(junk.ref, 10_000) == mail(-1)
    assert seen == [f"Subject: Message {number}" for number in range(2 * PAGE + 1)]


async def test_a_backlog_that_is_left_half_way_leaves_the_session_usable(mailbox: Mailbox) -> None:
    mailbox.deliver(*map(mail, range(2 * PAGE)))
    session = await mailbox.open()
    uidvalidity = (await session.start(INBOX)).split(":")[0]
    generator = session.changes(INBOX, f"{uidvalidity}:0")
    first = await anext(aiter(generator))
    await generator.aclose()  # type: ignore[attr-defined]
    assert len(await news(session, first.cursor)) == PAGE
    assert not await session.wait([INBOX], 0.05)


async def test_uids_may_be_as_sparse_as_they_like(mailbox: Mailbox) -> None:
    mailbox.deliver(*map(mail, range(PAGE + 5)))
    mailbox.dovecot.doveadm("expunge", "-u", mailbox.user, "mailbox", "INBOX", "uid", f"2:{PAGE + 4}")
    session = await mailbox.open()
    read = await pages(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert subjects(header for page in read for header in page.headers) == [
        "Subject: Message 0",
        f"Subject: Message {PAGE + 4}",
    ]


async def test_a_waiter_is_woken_by_new_mail_and_reads_it_by_cursor(mailbox: Mailbox) -> None:
    session = await mailbox.open()
    cursor = await session.start(INBOX)
    for number in range(3):
        waiting = asyncio.create_task(session.wait([INBOX], 20))
        await asyncio.sleep(0.05)  # let it begin to idle: news before that are found as well, but not by IDLE
        mailbox.deliver(mail(number))
        assert await waiting
        (page,) = await pages(session, cursor)
        assert subjects(page.headers) == [f"Subject: Message {number}"]
        cursor = page.cursor


async def test_mail_that_came_while_another_folder_was_open_wakes_the_waiter(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1), folder="Junk")
    session = await mailbox.open()
    cursor = await session.start(INBOX)
    await news(session, (await session.start(JUNK)).split(":")[0] + ":0", JUNK)
    mailbox.deliver(mail(2))
    assert await session.wait([INBOX, JUNK], 10)
    assert subjects(await news(session, cursor)) == ["Subject: Message 2"]


async def test_commands_go_on_beside_a_waiter_who_is_still_woken(mailbox: Mailbox) -> None:
    session = await mailbox.open()
    cursor = await session.start(INBOX)
    mailbox.deliver(mail(1), folder="Junk")
    waiting = asyncio.create_task(session.wait([INBOX], 20))
    for _ in range(5):
        assert len(await news(session, (await session.start(JUNK)).split(":")[0] + ":0", JUNK)) == 1
        assert len(await session.folders()) == 2
    mailbox.deliver(mail(2))
    assert await waiting
    assert subjects(await news(session, cursor)) == ["Subject: Message 2"]


async def test_nothing_new_ends_the_wait_at_its_time(mailbox: Mailbox) -> None:
    session = await mailbox.open()
    await session.start(INBOX)
    assert not await session.wait([INBOX], 0.1)
    assert not await session.wait([INBOX], 0.1)


async def test_a_changed_uidvalidity_voids_the_cursor(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1))
    cursor = await (await mailbox.open()).start(INBOX)
    uids = mailbox.dovecot.maildir(mailbox.user) / "dovecot-uidlist"
    head, _, rest = uids.read_text().partition("\n")
    uids.write_text(head.replace(f"V{cursor.split(':')[0]}", "V12345") + "\n" + rest)
    for index in uids.parent.glob("dovecot.index*"):
        index.unlink()
    with pytest.raises(CursorVoid):
        await news(await mailbox.open(), cursor)


async def test_a_rescan_finds_what_arrived_since_and_ends_with_a_fresh_cursor(mailbox: Mailbox) -> None:
    now = datetime.now(UTC)
    for number, days in enumerate((30, 3, 1, 0)):
        mailbox.deliver(mail(number), received=(now - timedelta(days=days)).timestamp())
    session = await mailbox.open()
    read = [page async for page in session.rescan(INBOX, now - timedelta(days=2))]
    assert subjects(header for page in read for header in page.headers) == ["Subject: Message 2", "Subject: Message 3"]
    assert await news(session, read[-1].cursor) == []
    mailbox.deliver(mail(9))
    assert subjects(await news(session, read[-1].cursor)) == ["Subject: Message 9"]


async def test_at_most_the_limit_of_a_message_is_fetched(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1, body="x" * 300_000))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert await session.fetch(header.ref, 1000) == mail(1, body="x" * 300_000)[:1000]


async def test_a_large_message_comes_whole(mailbox: Mailbox) -> None:
    large = mail(1, body="0123456789\r\n" * 400_000)
    mailbox.deliver(large)
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert await session.fetch(header.ref, 10_000_000) == large


async def test_a_message_that_is_gone_is_none_and_the_session_goes_on(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1), mail(2))
    session = await mailbox.open()
    first, second = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    mailbox.dovecot.doveadm("expunge", "-u", mailbox.user, "mailbox", "INBOX", "uid", "1")
    assert await session.fetch(first.ref, 10_000) is None
    assert await session.fetch_report(first.ref, 10_000) is None
    assert await session.fetch(second.ref, 10_000) == mail(2)


@pytest.mark.parametrize("ref", [MessageRef("INBOX", "1:1"), MessageRef("Gone", "1:1"), MessageRef("INBOX", "?")])
async def test_a_place_that_no_longer_exists_is_none(mailbox: Mailbox, ref: MessageRef) -> None:
    session = await mailbox.open()
    assert await session.fetch(ref, 1000) is None


async def test_of_a_report_only_the_machines_parts_and_the_originals_header_come(mailbox: Mailbox) -> None:
    mailbox.deliver(
        b"From: mailer-daemon@example.org\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nplanted explanation\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        b"Final-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <ours@example.com>\r\nSubject: hello\r\n\r\n"
        b"planted body\r\n--b--\r\n"
    )
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    report = await session.fetch_report(header.ref, 100_000)
    assert report is not None
    assert b"planted" not in report
    assert b"Final-Recipient: rfc822; bob@example.org" in report
    assert b"Message-ID: <ours@example.com>" in report


async def test_a_letter_is_no_report(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert await session.fetch_report(header.ref, 100_000) is None


async def test_folders_with_names_beyond_ascii_are_read(mailbox: Mailbox) -> None:
    name = 'Büro/日本語 & "more"'
    mailbox.dovecot.doveadm("mailbox", "create", "-u", mailbox.user, name)
    given = mailbox.credentials()
    settings = {**given.settings, "folders": [name]}
    session = await SmtpImapSync(mailbox.policy).open(
        type(given)(given.account_id, given.team_id, given.client, given.address, settings, given.secret)
    )
    folder = (await session.folders())[-1]
    assert folder.name == name
    assert (await session.start(folder)).endswith(":0")
    await session.close()


async def test_a_wrong_password_asks_for_the_person(mailbox: Mailbox) -> None:
    with pytest.raises(ReauthRequired) as refused:
        await SmtpImapSync(mailbox.policy).open(mailbox.credentials(password="wrong"))
    assert "wrong" not in str(refused.value)


async def test_a_password_beyond_ascii_reaches_the_server_whole(mailbox: Mailbox) -> None:
    with pytest.raises(ReauthRequired):
        await SmtpImapSync(mailbox.policy).open(mailbox.credentials(password='pä"ss\\wörd'))


async def test_a_certificate_of_nobody_known_is_refused(mailbox: Mailbox) -> None:
    stranger = ConnectPolicy(allowed_networks=LOOPBACK, extra_ports=mailbox.policy.extra_ports)
    with pytest.raises(Transient) as refused:
        await SmtpImapSync(stranger).open(mailbox.credentials())
    assert refused.value.reason == "untrusted_certificate"


@pytest.mark.parametrize("security", ["tls", "plain"])
async def test_a_lost_connection_wakes_the_waiter_at_once(security: str) -> None:
    own = Dovecot()
    await own.start()
    try:
        mailbox = Mailbox(own, "ann")
        session = await mailbox.open(security)
        await session.start(INBOX)
        waiting = asyncio.create_task(session.wait([INBOX], 60))
        assert not await session.wait([INBOX], 0.2)
        own.kill()
        async with asyncio.timeout(5):
            with pytest.raises(Transient):
                await waiting
        with pytest.raises(Transient):
            await session.folders()
    finally:
        await own.stop()
        own.remove()


async def test_no_mail_is_printed_even_at_debug(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    mailbox.deliver(mail(1, body="planted in the body"))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    await session.fetch(header.ref, 10_000)
    assert "planted" not in caplog.text
    assert "sender1@example.org" not in caplog.text
    assert mailbox.credentials().secret["imap_password"] not in caplog.text


async def test_a_refused_host_is_not_connected_to(mailbox: Mailbox) -> None:
    with pytest.raises(Permanent):
        await SmtpImapSync(ConnectPolicy(extra_ports=(mailbox.dovecot.imaps_port,))).open(
            credentials(mailbox.dovecot.imaps_port, "tls")
        )
