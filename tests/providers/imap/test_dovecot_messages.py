"""Single messages of a real server: whole, cut, gone, and the parts of reports."""

from __future__ import annotations

import pytest

from services.providers.types import MessageRef
from tests.providers.imap.conftest import INBOX, Mailbox, news
from tests.servers.dovecot import mail


async def test_reading_marks_nothing_as_read(mailbox: Mailbox) -> None:
    mailbox.deliver(mail(1))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    assert await session.fetch(header.ref, 10_000) == mail(1)
    assert mailbox.dovecot.flags(mailbox.user) in ([], [""])


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
