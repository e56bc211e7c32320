"""Waiting for news over one connection, whatever the server makes of it."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto

import pytest

from services.providers.errors import Transient
from services.providers.imap import dial, waiting
from tests.providers.imap.conftest import INBOX, news, pages, refused, session_with
from tests.servers.scripted_imap import DONE, Do, ScriptedImap, fetched


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
