"""Reading Gmail: all mail once, whose it is and of which conversation; a token that runs out loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.providers.errors import ReauthRequired, Transient
from services.providers.gmail.sync import GmailSync
from services.providers.imap.session import ImapSession
from services.providers.types import Credentials, Folder, FolderRole, HeaderSet
from tests.providers.conformance.bench import mail
from tests.providers.conformance.benches import GmailBench
from tests.providers.gmail.conftest import refused, with_token
from tests.servers.gmail import ALL, DRAFTS, SENT, TRASH
from tests.servers.gmail_imap import MOST_CONNECTIONS


@pytest.fixture
async def session(mailbox: GmailBench) -> AsyncIterator[ImapSession]:
    session = await GmailSync(mailbox.policy).open(mailbox.credentials())
    yield session
    await session.close()


async def all_mail(session: ImapSession) -> Folder:
    return next(folder for folder in await session.folders() if folder.role is FolderRole.ALL)


async def news(session: ImapSession, folder: Folder, cursor: str) -> list[HeaderSet]:
    return [header for page in [p async for p in session.changes(folder, cursor)] for header in page.headers]


def number_of(header: HeaderSet) -> str:
    return next(line for line in header.block.decode().splitlines() if line.startswith("Subject"))


async def test_all_mail_and_spam_are_read_and_the_bin_where_it_is_asked_for(mailbox: GmailBench) -> None:
    session = await GmailSync(mailbox.policy).open(mailbox.credentials())
    assert [folder.role for folder in await session.folders()] == [FolderRole.ALL, FolderRole.JUNK]
    await session.close()
    given = mailbox.credentials()
    named = Credentials(given.account_id, "t1", "gmail", given.address, {"folders": [TRASH, "INBOX"]}, given.secret)
    session = await GmailSync(mailbox.policy).open(named)
    assert [folder.name for folder in await session.folders()][2:] == [TRASH]
    await session.close()


async def test_what_a_filter_archived_is_news_and_what_lies_in_two_places_comes_once(
    mailbox: GmailBench, session: ImapSession
) -> None:
    folder = await all_mail(session)
    cursor = await session.start(folder)
    await mailbox.deliver(mail(1))
    await mailbox.deliver(mail(2), folder=ALL)
    assert [number_of(one) for one in await news(session, folder, cursor)] == ["Subject: Number 1", "Subject: Number 2"]


async def test_each_message_tells_its_conversation(mailbox: GmailBench, session: ImapSession) -> None:
    folder = await all_mail(session)
    cursor = await session.start(folder)
    await mailbox.deliver(mail(1), mail(2, more="References: <in-1@example.org>\r\n"), mail(3))
    first, answer, other = await news(session, folder, cursor)
    assert first.provider_thread_id == mailbox.gmail.thread_of(mailbox.address, "<in-1@example.org>")
    assert answer.provider_thread_id == first.provider_thread_id
    assert other.provider_thread_id not in (None, first.provider_thread_id)


async def test_drafts_are_no_mail_and_what_the_person_sent_is_their_own(
    mailbox: GmailBench, session: ImapSession
) -> None:
    folder = await all_mail(session)
    cursor = await session.start(folder)
    await mailbox.deliver(mail(1), folder=DRAFTS)
    await mailbox.deliver(mail(2), folder=SENT)  # from an alias: the address tells nothing
    await mailbox.deliver(mail(3))
    await mailbox.deliver(mail(4), folder=DRAFTS)
    found = await news(session, folder, cursor)
    assert [(number_of(one), one.own) for one in found] == [("Subject: Number 2", True), ("Subject: Number 3", False)]
    pages = [page async for page in session.changes(folder, cursor)]
    assert await news(session, folder, pages[-1].cursor) == []


async def test_a_token_that_runs_out_in_a_session_asks_for_a_fresh_one_and_loses_nothing(mailbox: GmailBench) -> None:
    first = mailbox.gmail.token(mailbox.address)
    session = await GmailSync(mailbox.policy).open(with_token(mailbox, first))
    folder = await all_mail(session)
    cursor = await session.start(folder)
    waiting = asyncio.create_task(session.wait((folder,), 60))
    while not mailbox.gmail.imap.open_for(mailbox.address):
        await asyncio.sleep(0.01)
    assert mailbox.gmail.expire(first) == 1
    error = await refused(waiting)
    assert isinstance(error, Transient)
    assert error.reason == "token_expired"
    await session.close()
    await mailbox.deliver(mail(1))
    assert isinstance(await refused(GmailSync(mailbox.policy).open(with_token(mailbox, first))), ReauthRequired)
    session = await GmailSync(mailbox.policy).open(with_token(mailbox, mailbox.gmail.token(mailbox.address)))
    assert len(await news(session, folder, cursor)) == 1
    await session.close()


async def test_a_sixteenth_connection_waits_and_stops_no_account(mailbox: GmailBench) -> None:
    sync = GmailSync(mailbox.policy)
    sessions = await asyncio.gather(*(sync.open(mailbox.credentials()) for _ in range(MOST_CONNECTIONS)))
    error = await refused(sync.open(mailbox.credentials()))
    assert isinstance(error, Transient)
    assert error.retry_after is not None
    await asyncio.gather(*(session.close() for session in sessions))


async def test_a_mailbox_out_of_its_bandwidth_rests(mailbox: GmailBench) -> None:
    mailbox.gmail.imap.refusal = b"NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)"
    error = await refused(GmailSync(mailbox.policy).open(mailbox.credentials()))
    assert isinstance(error, Transient)
    assert error.reason == "bandwidth_reached"
    assert error.retry_after is not None
