"""Servers that break their promises: every call ends in time, with an instruction, and nothing is taken for granted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from services.providers.errors import CursorVoid, Permanent, Transient
from services.providers.imap import connection as connections
from services.providers.imap import headers, messages, turns, waiting
from services.providers.imap.session import ImapSession
from services.providers.types import Folder, FolderRole, MessageRef
from tests.providers.imap.conftest import INBOX, news, pages, refused, session_with
from tests.servers.scripted_imap import DONE, DROP, HANG, Do, ScriptedImap, fetched

REF = MessageRef("INBOX", "7:3")


CALLS: dict[str, Callable[[ImapSession], Coroutine[object, object, object]]] = {
    "folders": lambda session: session.folders(),
    "start": lambda session: session.start(INBOX),
    "changes": lambda session: news(session, "7:0"),
    "fetch": lambda session: session.fetch(REF, 1000),
    "fetch_report": lambda session: session.fetch_report(REF, 1000),
    "wait": lambda session: session.wait([INBOX], 30),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_connection_that_ends_ends_every_call_with_transient(script: ScriptedImap, call: str) -> None:
    script.uidnext = 5
    for command in ("LIST", "STATUS", "UID FETCH", "IDLE"):
        script.always(command, DROP)
    async with session_with(script) as session:
        assert isinstance(await refused(CALLS[call](session)), Transient)
        assert isinstance(await refused(session.folders()), Transient)  # closed from then on


@pytest.mark.parametrize("call", CALLS)
async def test_a_silent_server_is_left_when_its_time_is_up(
    script: ScriptedImap, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((headers, "_SECONDS"), (messages, "_SECONDS"), (turns, "_SETTLE_SECONDS")):
        monkeypatch.setattr(module, name, 0.2)
    monkeypatch.setattr(connections, "COMMAND_SECONDS", 0.2)
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 0.2)
    script.uidnext = 5
    for command in ("LIST", "STATUS", "UID FETCH", "IDLE"):
        script.always(command, HANG)
    async with session_with(script) as session:
        assert isinstance(await refused(CALLS[call](session)), Transient)


async def test_a_disconnect_inside_a_literal_is_no_message(script: ScriptedImap) -> None:
    script.on("UID FETCH", Do(say=b"* 1 FETCH (UID 3 BODY[]<0> {500}\r\nonly this much", drop=True))
    async with session_with(script) as session:
        assert isinstance(await refused(session.fetch(REF, 1000)), Transient)


async def test_a_literal_of_four_gibibytes_is_refused_at_its_announcement(script: ScriptedImap) -> None:
    script.on("UID FETCH", Do(say=b"* 1 FETCH (UID 3 BODY[]<0> {4294967296}\r\n", again=b"x" * 65536))
    async with session_with(script) as session:
        failed = await refused(session.fetch(REF, 1000))
        assert (type(failed), failed.reason) == (Transient, "imap_protocol")
        assert "literal" in failed.words


async def test_a_server_that_ignores_the_limit_is_read_but_not_kept(script: ScriptedImap) -> None:
    script.on("UID FETCH", b"* 1 FETCH (UID 3 BODY[] {5000}\r\n" + b"x" * 5000 + b")\r\n" + DONE)
    async with session_with(script) as session:
        assert await session.fetch(REF, 1000) == b"x" * 1000


@pytest.mark.parametrize("command", ["LIST", "STATUS", "UID FETCH", "IDLE"])
async def test_answers_without_end_are_bounded(script: ScriptedImap, command: str) -> None:
    script.uidnext = 5
    script.always(command, Do(again=b"* OK still here and talking\r\n" * 500))
    call = {"LIST": "folders", "STATUS": "start", "UID FETCH": "changes", "IDLE": "wait"}[command]
    async with session_with(script) as session:
        assert (await refused(CALLS[call](session))).reason == "imap_protocol"


async def test_a_command_that_is_cancelled_ends_the_session(script: ScriptedImap) -> None:
    never = asyncio.Event()
    script.on("LIST", Do(say=DONE, before=never))
    async with session_with(script) as session:
        listing = asyncio.create_task(session.folders())
        while "LIST" not in " ".join(script.commands):
            await asyncio.sleep(0.01)  # the server does not tell
        listing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listing
        assert isinstance(await refused(session.folders()), Transient)


async def test_a_message_that_is_told_of_but_not_shown_yet_is_not_passed_over(script: ScriptedImap) -> None:
    async with session_with(script) as session:
        cursor = await session.start(INBOX)
        await session.wait([INBOX], 0.05)  # the folder is open now, and the server may show its news later
        script.uidnext = 2
        script.on("UID FETCH", DONE, fetched(1, b"Subject: late\r\n\r\n") + DONE)
        (page,) = await pages(session, cursor)
        assert (page.headers, page.cursor) == ((), cursor)
        assert [header.block for header in await news(session, page.cursor)] == [b"Subject: late\r\n\r\n"]


@pytest.mark.parametrize(("uidvalidity", "uidnext"), [(8, 10), (7, 4)])
async def test_uids_given_out_anew_void_the_cursor_and_not_the_session(
    script: ScriptedImap, uidvalidity: int, uidnext: int
) -> None:
    script.uidvalidity, script.uidnext = uidvalidity, uidnext
    async with session_with(script) as session:
        with pytest.raises(CursorVoid):
            await news(session, "7:5")
        assert await session.start(INBOX) == f"{uidvalidity}:{uidnext - 1}"


async def test_a_message_gone_between_header_and_body_is_none(script: ScriptedImap) -> None:
    script.uidnext = 4
    script.on(
        "UID FETCH",
        fetched(3, b"Subject: a\r\n\r\n") + DONE,
        DONE,
        b"<tag> NO [EXPUNGEISSUED] gone\r\n",
        b"<tag> NO The specified message set is invalid\r\n",
        DONE,
    )
    async with session_with(script) as session:
        (header,) = await news(session, "7:2")
        assert [await session.fetch(header.ref, 1000) for _ in range(3)] == [None, None, None]


async def test_a_page_of_which_some_is_gone_is_read_again(script: ScriptedImap) -> None:
    script.uidnext = 4
    script.on("UID FETCH", b"<tag> NO [EXPUNGEISSUED] some\r\n", fetched(3, b"Subject: a\r\n\r\n") + DONE)
    async with session_with(script) as session:
        assert [header.ref for header in await news(session, "7:1")] == [REF]


async def test_a_message_that_cannot_be_read_is_not_taken_for_gone(script: ScriptedImap) -> None:
    script.on("UID FETCH", b"<tag> NO [SERVERBUG] broken\r\n", b"* 1 FETCH (UID 3)\r\n" + DONE)
    async with session_with(script) as session:
        assert isinstance(await refused(session.fetch(REF, 1000)), Transient)


@pytest.mark.parametrize("command", ["STATUS", "EXAMINE"])
async def test_a_folder_that_was_deleted_stops_nobody_from_reading_the_others(
    script: ScriptedImap, command: str
) -> None:
    script.uidnext = 1_000_000
    script.on(command, b"<tag> NO [NONEXISTENT] no such mailbox\r\n")
    async with session_with(script) as session:
        failed = await refused(news(session, "7:0", Folder("Junk", "Junk", FolderRole.JUNK)))
        assert (type(failed), failed.reason) == (Permanent, "folder_unreadable")
        assert await session.start(INBOX) == "7:999999"


async def test_an_inbox_that_cannot_be_opened_is_the_servers_trouble(script: ScriptedImap) -> None:
    script.on("STATUS", b"<tag> NO no such mailbox\r\n")
    async with session_with(script) as session:
        assert isinstance(await refused(session.start(INBOX)), Transient)
        assert isinstance(await refused(session.folders()), Transient)


async def test_folders_without_esearch_are_paged_all_the_same() -> None:
    async with ScriptedImap(
        greeting=b"* OK [CAPABILITY IMAP4rev1] hi\r\n", capabilities=b"IMAP4rev1"
    ).running() as script:
        script.uidnext = 4_000_000_000
        script.on("UID SEARCH", b"* SEARCH 3999999999 17\r\n* SEARCH 5\r\n" + DONE)
        script.on("UID FETCH", b"".join(fetched(uid, b"\r\n") for uid in (5, 17, 3_999_999_999)) + DONE)
        async with session_with(script) as session:
            assert [header.ref.key for header in await news(session, "7:1")] == ["7:5", "7:17", "7:3999999999"]
        (search,) = [command for command in script.commands if "SEARCH" in command]
        assert "CHARSET" not in search
