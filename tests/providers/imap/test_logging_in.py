"""From the first octet to a mailbox that is open: protection, greeting, login."""

from __future__ import annotations

import ssl

import pytest

from services.providers.errors import Permanent, ProviderError, ReauthRequired, Transient
from services.providers.imap import connection as connections
from tests.providers.imap.conftest import INBOX, entered, refused, session_with
from tests.servers.scripted_imap import DONE, Do, ScriptedImap


async def test_a_server_that_never_greets_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OPEN_SECONDS", 0.3)
    async with ScriptedImap(greeting=b"").running() as server:
        assert (await refused(entered(server))).reason == "timeout"


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
