"""Servers that break their promises: every call ends in time, with an instruction, and nothing is taken for granted."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable, Coroutine

import pytest

from services.providers.errors import CursorVoid, Permanent, ProviderError, ReauthRequired, Transient
from services.providers.smtp_imap.imap import connection as connections
from services.providers.smtp_imap.imap import dial, headers, messages, turns, waiting
from services.providers.smtp_imap.sync import ImapSession
from services.providers.types import Folder, FolderRole, MessageRef
from tests.providers.imap.conftest import INBOX, news, pages, session_with
from tests.servers.scripted_imap import DONE, DROP, HANG, Do, ScriptedImap, fetched

REF = MessageRef("INBOX", "7:3")


async def refused(work: Coroutine[object, object, object]) -> ProviderError:
    async with asyncio.timeout(20):
        with pytest.raises(ProviderError) as raised:
            await work
    return raised.value


async def entered(server: ScriptedImap, security: str = "plain", ca_file: str | None = None, **more: object) -> None:
    async with session_with(server, security, ca_file, **more):
        pass


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


async def test_a_server_that_never_greets_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OPEN_SECONDS", 0.3)
    async with ScriptedImap(greeting=b"").running() as server:
        assert (await refused(entered(server))).reason == "timeout"


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


@pytest.mark.parametrize("answer", [b"* BYE going down\r\n", b"+ idling\r\n* BYE going down\r\n"])
async def test_bye_in_answer_to_idle_ends_the_wait_at_once(script: ScriptedImap, answer: bytes) -> None:
    script.on("IDLE", Do(say=answer, hang=True))
    async with session_with(script) as session:
        failed = await refused(session.wait([INBOX], 60))
        assert (failed.reason, failed.words) == ("server_said_bye", "going down")


async def test_an_expired_token_under_way_is_no_refused_login(script: ScriptedImap) -> None:
    script.on("IDLE", Do(say=b"+ idling\r\n* BYE Session expired: AccessTokenExpired\r\n", drop=True))
    async with session_with(script) as session:
        failed = await refused(session.wait([INBOX], 60))
        assert (type(failed), failed.reason) == (Transient, "token_expired")


async def test_the_waiter_returns_at_the_notification_without_waiting_for_more(script: ScriptedImap) -> None:
    async with session_with(script) as session:
        cursor = await session.start(INBOX)
        waiter = asyncio.create_task(session.wait([INBOX], 60))
        await script.idling.wait()
        script.uidnext, script.exists = 2, 1
        script.on("UID FETCH", fetched(1, b"Subject: a\r\n\r\n") + DONE)
        asked = script.commands.count("STATUS INBOX (UIDVALIDITY UIDNEXT)")
        script.push(b"* 1 EXISTS\r\n")
        assert await waiter
        assert [header.block for header in await news(session, cursor)] == [b"Subject: a\r\n\r\n"]
        assert script.commands.count("STATUS INBOX (UIDVALIDITY UIDNEXT)") == asked  # the push has said it all


async def test_flags_and_expunges_wake_nobody(script: ScriptedImap) -> None:
    script.exists = 3
    async with session_with(script) as session:
        waiter = asyncio.create_task(session.wait([INBOX], 0.5))
        await script.idling.wait()
        script.push(b"* 1 FETCH (FLAGS (\\Seen))\r\n* 2 EXPUNGE\r\n* 2 EXISTS\r\n* OK Still here\r\n* 0 RECENT\r\n")
        assert not await waiter


async def test_mail_after_an_expunge_wakes_the_waiter(script: ScriptedImap) -> None:
    script.exists = 3
    async with session_with(script) as session:
        waiter = asyncio.create_task(session.wait([INBOX], 30))
        await script.idling.wait()
        script.push(b"* 2 EXPUNGE\r\n* 3 EXISTS\r\n")
        assert await waiter


async def test_idle_is_begun_anew_before_servers_lose_patience(
    script: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 0.1)
    async with session_with(script) as session:
        assert not await session.wait([INBOX], 0.6)
    assert script.commands.count("IDLE") >= 3
    assert script.commands.count("DONE") >= 2


async def test_without_idle_the_mailbox_is_asked_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "NOOP_SECONDS", 0.05)
    capabilities = b"IMAP4rev1"
    greeting = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
    async with ScriptedImap(greeting=greeting, capabilities=capabilities).running() as script:
        script.on("NOOP", DONE, b"* 1 EXISTS\r\n" + DONE)
        async with session_with(script) as session:
            assert await session.wait([INBOX], 30)
        assert "IDLE" not in script.commands


@pytest.mark.parametrize("answer", [b"<tag> NO not here\r\n", b"<tag> BAD what\r\n", DONE])
async def test_an_idle_that_is_refused_is_not_tried_again_and_again(
    script: ScriptedImap, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "NOOP_SECONDS", 0.05)
    script.always("IDLE", answer)
    async with session_with(script) as session:
        assert not await session.wait([INBOX], 0.5)
    assert script.commands.count("IDLE") == 1
    assert script.commands.count("NOOP") >= 2


async def test_a_waiter_that_is_cancelled_leaves_the_session_usable(script: ScriptedImap) -> None:
    async with session_with(script) as session:
        waiter = asyncio.create_task(session.wait([INBOX], 60))
        await script.idling.wait()
        waiter.cancel()
        assert [folder.id for folder in await session.folders()] == ["INBOX"]
        assert not await session.wait([INBOX], 0.05)


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


async def test_the_last_message_named_by_a_star_is_not_news(script: ScriptedImap) -> None:
    script.exists, script.uidnext = 1, 6
    async with session_with(script) as session:
        cursor = await session.start(INBOX)
        waiter = asyncio.create_task(session.wait([INBOX], 60))
        await script.idling.wait()
        script.push(b"* 2 EXISTS\r\n* 2 EXPUNGE\r\n")
        assert await waiter
        script.on("UID FETCH", fetched(5, b"Subject: old\r\n\r\n") + DONE)
        (page,) = await pages(session, cursor)
        assert (page.headers, page.cursor) == ((), cursor)


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


async def test_an_idle_tls_connection_holds_no_read_buffer_and_still_wakes(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    script = ScriptedImap(tls=server_tls, implicit=True)
    async with script.running(), session_with(script, "tls", ca_file) as session:
        for _ in range(2):
            waiter = asyncio.create_task(session.wait([INBOX], 60))
            await script.idling.wait()
            await asyncio.sleep(0.1)  # the continuation has been sent, and shall arrive
            tls = session._turns._connection.protocol.transport._ssl_protocol
            assert len(tls._ssl_buffer) == 0
            script.exists += 1
            script.push(b"* %d EXISTS\r\n" % script.exists)
            assert await waiter


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


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<tag> NO [AUTHENTICATIONFAILED] no\r\n", ReauthRequired),
        (b"<tag> NO Login failed\r\n", ReauthRequired),
        (b"<tag> NO [UNAVAILABLE] later\r\n", Transient),
        (b"<tag> NO [LIMIT] Too many\r\n", Transient),
        (b"<tag> NO [INUSE] in use\r\n", Transient),
        (b"* BYE too many connections\r\n", Transient),
        (b"", Transient),
    ],
)
async def test_a_refused_password_is_told_from_a_server_in_trouble(
    script: ScriptedImap, answer: bytes, kind: type[ProviderError]
) -> None:
    script.on("LOGIN", Do(say=answer, drop=True))
    assert type(await refused(entered(script))) is kind


async def test_a_port_where_nobody_listens_is_asked_again(script: ScriptedImap) -> None:
    async with ScriptedImap().running() as gone:
        pass
    assert isinstance(await refused(entered(gone)), Transient)


@pytest.mark.parametrize("greeting", [b"* BYE overloaded\r\n", b"220 smtp.example.com ESMTP\r\n", b"* NO way\r\n"])
async def test_a_server_that_does_not_greet_as_imap_is_left(greeting: bytes) -> None:
    async with ScriptedImap(greeting=greeting).running() as server:
        assert isinstance(await refused(entered(server)), Transient)


async def test_preauth_is_taken_without_a_login() -> None:
    async with ScriptedImap(greeting=b"* PREAUTH welcome\r\n").running() as server:
        async with session_with(server) as session:
            assert await session.start(INBOX) == "7:0"
        assert not [command for command in server.commands if command.startswith(("LOGIN", "AUTHENTICATE"))]


async def test_starttls_protects_before_anything_is_said(server_tls: ssl.SSLContext, ca_file: str) -> None:
    async with ScriptedImap(tls=server_tls).running() as server:
        async with session_with(server, "starttls", ca_file) as session:
            assert await session.start(INBOX) == "7:0"
        assert server.commands[:3] == ["STARTTLS", "CAPABILITY", 'LOGIN "ann" "correct-horse"']


@pytest.mark.parametrize(
    "answer",
    [
        b"<tag> BAD unknown command\r\n",
        b"<tag> NO not now\r\n",
        Do(say=DONE + b"* CAPABILITY IMAP4rev1 AUTH=EVIL\r\n", upgrade=True),
        Do(say=DONE + b"* CAPABIL", upgrade=True),
    ],
)
async def test_starttls_that_is_stripped_or_injected_into_gives_nobody_the_password(
    server_tls: ssl.SSLContext, ca_file: str, answer: bytes | Do
) -> None:
    async with ScriptedImap(tls=server_tls).running() as server:
        server.on("STARTTLS", answer)
        failed = await refused(entered(server, "starttls", ca_file))
        assert (type(failed), failed.reason) == (Permanent, "starttls_refused")
        assert server.commands == ["STARTTLS"]


async def test_preauth_cannot_strip_starttls(server_tls: ssl.SSLContext, ca_file: str) -> None:
    async with ScriptedImap(greeting=b"* PREAUTH welcome\r\n", tls=server_tls).running() as server:
        failed = await refused(entered(server, "starttls", ca_file))
        assert failed.reason == "starttls_refused"
        assert server.commands == []


async def test_a_refused_token_is_answered_and_heard_to_the_end(script: ScriptedImap) -> None:
    script.on("AUTHENTICATE", Do(say=b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n", then=b"<tag> NO [AUTHENTICATIONFAILED] no\r\n"))
    assert isinstance(await refused(entered(script, auth="xoauth2")), ReauthRequired)
    assert script.commands == ["AUTHENTICATE XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rZW4BAQ==", ""]


async def test_a_token_goes_after_the_challenge_where_the_server_wants_it_so() -> None:
    greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] hi\r\n"
    async with ScriptedImap(greeting=greeting).running() as server:
        server.on("AUTHENTICATE", Do(say=b"+ \r\n", then=DONE))
        await entered(server, auth="xoauth2")
        assert server.commands[:2] == ["AUTHENTICATE XOAUTH2", "dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rZW4BAQ=="]


async def test_a_password_beyond_ascii_goes_by_sasl(script: ScriptedImap) -> None:
    script.on("AUTHENTICATE", DONE)
    await entered(script, password="pässword")
    assert script.commands[0] == "AUTHENTICATE PLAIN AGFubgBww6Rzc3dvcmQ="


async def test_a_password_is_quoted_and_never_a_command_of_its_own(script: ScriptedImap) -> None:
    await entered(script, password='a"b\\c {3}')
    assert script.commands[0] == 'LOGIN "ann" "a\\"b\\\\c {3}"'


async def test_a_line_break_in_a_password_starts_no_second_command(script: ScriptedImap) -> None:
    script.on("AUTHENTICATE", DONE)
    await entered(script, password="a\r\nA1 LOGOUT")
    assert script.commands[0].startswith("AUTHENTICATE PLAIN ")


async def _awaited(task: asyncio.Task[bool]) -> None:
    await task


async def test_tls_is_noticed_to_be_lost_at_once(server_tls: ssl.SSLContext, ca_file: str) -> None:
    script = ScriptedImap(tls=server_tls, implicit=True)
    async with script.running(), session_with(script, "tls", ca_file) as session:
        waiter = asyncio.create_task(session.wait([INBOX], 60))
        await script.idling.wait()
        script.hang_up()
        assert isinstance(await refused(_awaited(waiter)), Transient)


async def test_an_idle_account_holds_one_connection(script: ScriptedImap) -> None:
    async with session_with(script) as session:
        await news(session, await session.start(INBOX))
        await session.wait([INBOX], 0.05)
        assert script.connections == 1


def test_the_buffers_of_tls_are_small_enough_for_many_idle_accounts() -> None:
    dial._shrink_tls_buffers()
    assert sslproto.SSLProtocol.max_size <= 16 * 1024
