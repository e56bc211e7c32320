"""A mailbox of a real server read by cursor."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.providers.errors import CursorVoid
from services.providers.imap.session import PAGE
from services.providers.protocols import MailboxSession, Sync
from services.providers.smtp_imap import CLIENT
from services.providers.smtp_imap.sync import SmtpImapSync
from services.providers.types import Folder, FolderRole
from tests.providers.imap.conftest import INBOX, Mailbox, news, pages, subjects
from tests.servers.dovecot import mail

JUNK = Folder("Junk", "Junk", FolderRole.JUNK)


async def test_the_record_makes_a_session_that_conforms(mailbox: Mailbox) -> None:
    assert CLIENT.sync is not None
    made: Sync = CLIENT.sync(mailbox.policy)
    session: MailboxSession = await made.open(mailbox.credentials())
    assert [folder.role for folder in await session.folders()] == [FolderRole.INBOX, FolderRole.JUNK]
    await session.close()


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
