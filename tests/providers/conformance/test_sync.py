"""inbox_sync's face: nothing is missed, nothing comes twice, and no body is read before it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.providers.errors import CursorVoid, ReauthRequired
from services.providers.protocols import MailboxSession
from services.providers.types import Folder, FolderRole, Page
from tests.providers.conformance.bench import Bench, mail


@pytest.fixture
async def session(bench: Bench) -> AsyncIterator[MailboxSession]:
    assert bench.client.sync is not None
    session = await bench.client.sync(bench.policy).open(bench.credentials())
    yield session
    await session.close()


async def inbox(session: MailboxSession) -> Folder:
    """Where what comes in is read: a client may read all mail in INBOX's place."""
    arriving = (FolderRole.INBOX, FolderRole.ALL)
    return next(folder for folder in await session.folders() if folder.role in arriving)


async def pages(found: AsyncIterator[Page]) -> list[Page]:
    return [page async for page in found]


def ids(found: list[Page]) -> list[str]:
    blocks = [header.block for page in found for header in page.headers]
    lines = [line for block in blocks for line in block.replace(b"\r\n", b"\n").split(b"\n")]
    return [line.partition(b":")[2].strip().decode() for line in lines if line.lower().startswith(b"message-id:")]


async def test_inbox_and_junk_are_read(session: MailboxSession) -> None:
    roles = [folder.role for folder in await session.folders()]
    assert roles[0] in (FolderRole.INBOX, FolderRole.ALL)
    assert FolderRole.JUNK in roles


async def test_only_what_came_after_the_cursor_is_news_and_comes_once(bench: Bench, session: MailboxSession) -> None:
    await bench.deliver(mail(1))
    folder = await inbox(session)
    cursor = await session.start(folder)
    nothing = await pages(session.changes(folder, cursor))
    assert ids(nothing) == []
    assert not nothing[-1].more
    await bench.deliver(mail(2), mail(3))
    news = await pages(session.changes(folder, cursor))
    assert ids(news) == ["<in-2@example.org>", "<in-3@example.org>"]
    assert ids(await pages(session.changes(folder, news[-1].cursor))) == []


async def test_the_same_cursor_gives_the_same_news_again(bench: Bench, session: MailboxSession) -> None:
    folder = await inbox(session)
    cursor = await session.start(folder)
    await bench.deliver(mail(1))
    first = await pages(session.changes(folder, cursor))
    assert await pages(session.changes(folder, cursor)) == first


async def test_a_header_set_holds_judged_fields_and_nothing_else(bench: Bench, session: MailboxSession) -> None:
    folder = await inbox(session)
    cursor = await session.start(folder)
    await bench.deliver(mail(1, more="In-Reply-To: <own@example.com>\r\nReferences: <a@x>\r\n <own@example.com>\r\n"))
    found = (await pages(session.changes(folder, cursor)))[0].headers[0]
    assert b"<own@example.com>" in found.block
    assert b"hidden" not in found.block
    assert b"secret body" not in found.block
    assert found.received_at.tzinfo is not None
    assert abs(datetime.now(UTC) - found.received_at) < timedelta(hours=1)


async def test_a_message_is_fetched_whole_or_up_to_the_limit_or_not_at_all(
    bench: Bench, session: MailboxSession
) -> None:
    folder = await inbox(session)
    cursor = await session.start(folder)
    await bench.deliver(mail(1, body="x" * 5000))
    ref = (await pages(session.changes(folder, cursor)))[0].headers[0].ref
    whole = await session.fetch(ref, 1_000_000)
    assert whole is not None
    assert whole.replace(b"\r\n", b"\n").endswith(mail(1, body="x" * 5000).replace(b"\r\n", b"\n"))
    part = await session.fetch(ref, 100)
    assert part is not None
    assert len(part) <= 100
    assert await session.fetch(replace(ref, key=ref.key + "99"), 100) is None


async def test_a_backlog_comes_in_pages_whose_cursors_go_on(bench: Bench, session: MailboxSession) -> None:
    folder = await inbox(session)
    cursor = await session.start(folder)
    await bench.deliver(*(mail(number) for number in range(bench.backlog)))
    first = [await anext(aiter(session.changes(folder, cursor)))]
    assert first[0].more
    rest = await pages(session.changes(folder, first[0].cursor))
    assert ids(first) + ids(rest) == [f"<in-{number}@example.org>" for number in range(bench.backlog)]
    assert [page.more for page in rest][-1] is False


async def test_a_rescan_reads_what_is_recent_and_ends_with_a_fresh_cursor(
    bench: Bench, session: MailboxSession
) -> None:
    await bench.deliver(mail(1), mail(2))
    folder = await inbox(session)
    found = await pages(session.rescan(folder, datetime.now(UTC) - timedelta(days=2)))
    assert ids(found) == ["<in-1@example.org>", "<in-2@example.org>"]
    await bench.deliver(mail(3))
    assert ids(await pages(session.changes(folder, found[-1].cursor))) == ["<in-3@example.org>"]
    assert ids(await pages(session.rescan(folder, datetime.now(UTC) + timedelta(days=3)))) == []


async def test_a_cursor_of_another_numbering_is_void(session: MailboxSession) -> None:
    folder = await inbox(session)
    numbering, _, last = (await session.start(folder)).partition(":")
    with pytest.raises(CursorVoid):
        await pages(session.changes(folder, f"{int(numbering) + 7}:{last}"))


async def test_waiting_ends_when_mail_comes_or_time_passes(bench: Bench, session: MailboxSession) -> None:
    folder = await inbox(session)
    cursor = await session.start(folder)
    assert await session.wait((folder,), 0.2) is False
    waiting = asyncio.create_task(session.wait((folder,), 60))
    await asyncio.sleep(0.3)  # until it listens: nothing tells
    await bench.deliver(mail(1))
    async with asyncio.timeout(30):
        assert await waiting is True
    assert ids(await pages(session.changes(folder, cursor))) == ["<in-1@example.org>"]


async def test_a_wrong_password_asks_for_reconnection(bench: Bench) -> None:
    assert bench.client.sync is not None
    given = bench.credentials()
    wrong = replace(given, secret=dict.fromkeys(given.secret, "not-the-password"))
    with pytest.raises(ReauthRequired):
        await bench.client.sync(bench.policy).open(wrong)
