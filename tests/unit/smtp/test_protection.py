"""TLS and logins: nothing secret leaves unprotected, and what the server offers decides how."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from services.providers.errors import Permanent, ReauthRequired, Transient
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.send import SmtpImapSend
from tests.servers.scripted_smtp import At, Do, ScriptedSmtp, running, say
from tests.unit.smtp.accounts import OUTGOING, PATIENT, Noted, credentials, outgoing, sender, to

SECRET = "pass-word-1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return authority, str(file)


def context(authority: trustme.CA, *names: str, **validity: object) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **validity).configure_cert(made)  # type: ignore[arg-type]
    return made


def secret_in(server: ScriptedSmtp) -> bool:
    shown = base64.b64encode(SECRET.encode()), base64.b64encode(f"\0ada@example.com\0{SECRET}".encode())
    return any(each in line or SECRET.encode() in line for line in server.commands for each in shown)


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_protected_connection_is_verified_against_the_hosts_name(
    security: str, host: str, authority: tuple[trustme.CA, str]
) -> None:
    ca, file = authority
    scripted = ScriptedSmtp(tls=context(ca, "localhost", "127.0.0.1"), implicit=security == "tls")
    async with running(scripted) as server:
        send = sender(server.port, ca_file=file)
        await send.submit(OUTGOING, credentials(server.port, host=host, security=security, password=SECRET), Noted())
        assert server.message_ids == ["<1@example.com>"]
        await send.close()


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_protected_connection_is_kept_for_small_and_large_messages(
    security: str, authority: tuple[trustme.CA, str]
) -> None:
    ca, file = authority
    scripted = ScriptedSmtp(tls=context(ca, "localhost"), implicit=security == "tls")
    async with running(scripted) as server:
        send = sender(server.port, ca_file=file)
        bodies = [b"", b"line\r\n" * 500_000, b"", b"", b"line\r\n" * 50_000]
        for body in bodies:
            message = outgoing(mime=OUTGOING.mime + body)
            await send.submit(message, credentials(server.port, host="localhost", security=security), Noted())
        assert [len(accepted.message) for accepted in server.ledger] == [len(OUTGOING.mime + body) for body in bodies]
        assert server.connections == 1
        await send.close()


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("flaw", ["other name", "unknown authority", "expired"])
async def test_a_bad_certificate_gets_no_password(security: str, flaw: str, authority: tuple[trustme.CA, str]) -> None:
    ca, file = authority
    if flaw == "other name":
        tls = context(ca, "mail.example.org")
    elif flaw == "unknown authority":
        tls = context(trustme.CA(), "localhost")
    else:
        tls = context(ca, "localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    async with running(ScriptedSmtp(tls=tls, implicit=security == "tls")) as server:
        send = sender(server.port, ca_file=file)
        with pytest.raises(Transient) as error:
            await send.submit(
                OUTGOING, credentials(server.port, host="localhost", security=security, password=SECRET), Noted()
            )
        assert error.value.reason == "untrusted_certificate"
        assert not server.said("AUTH")
        assert server.ledger == []


async def test_starttls_stripped_from_the_offer_gets_no_password() -> None:
    async with running(ScriptedSmtp()) as server:
        send = sender(server.port)
        with pytest.raises(Transient) as error:
            await send.submit(OUTGOING, credentials(server.port, security="starttls", password=SECRET), Noted())
        assert error.value.reason == "starttls_refused"
        assert not secret_in(server)
        assert not server.said("MAIL")


@pytest.mark.parametrize("answer", ["454 4.7.0 not now", "501 5.5.4 what", "999 x", "250 2.0.0 Ok"])
async def test_starttls_refused_gets_no_password(answer: str, authority: tuple[trustme.CA, str]) -> None:
    ca, file = authority
    async with running(ScriptedSmtp(tls=context(ca, "localhost"))) as server:
        server.on(At.STARTTLS, Do(say=f"{answer}\r\n".encode(), upgrade=False))
        send = sender(server.port, ca_file=file)
        with pytest.raises(Transient):
            await send.submit(
                OUTGOING, credentials(server.port, host="localhost", security="starttls", password=SECRET), Noted()
            )
        assert not secret_in(server)
        assert not server.said("MAIL")


async def test_replies_injected_before_tls_are_not_believed(authority: tuple[trustme.CA, str]) -> None:
    ca, file = authority
    async with running(ScriptedSmtp(tls=context(ca, "localhost"), mechanisms="PLAIN")) as server:
        injected = b"250-evil\r\n250 AUTH XOAUTH2\r\n235 2.7.0 Ok\r\n250 2.0.0 Ok\r\n"
        server.on(At.STARTTLS, Do(also=injected))
        server.on(At.AUTH, say("535 5.7.8 no"))
        send = sender(server.port, ca_file=file)
        with pytest.raises((ReauthRequired, Transient)):
            await send.submit(OUTGOING, credentials(server.port, host="localhost", security="starttls"), Noted())
        assert server.ledger == []


async def test_tls_spoken_to_a_server_that_does_not_is_said_so() -> None:
    async with running(ScriptedSmtp()) as server:
        send = sender(server.port)
        with pytest.raises(Transient) as error:
            await send.submit(OUTGOING, credentials(server.port, security="tls"), Noted())
        assert error.value.reason in {"tls_failed", "connection_lost"}


async def test_an_unprotected_connection_needs_the_operators_word() -> None:
    async with running(ScriptedSmtp()) as server:
        allowed = ConnectPolicy(allowed_networks=("127.0.0.0/8",), extra_ports=())
        send = SmtpImapSend(allowed, timeouts=PATIENT)
        for port in (server.port, 25):
            with pytest.raises(Permanent) as error:
                await send.submit(OUTGOING, credentials(port, password=SECRET), Noted())
            assert error.value.reason == "refused_host"
        assert server.connections == 0


async def test_a_private_host_is_not_connected_to() -> None:
    async with running(ScriptedSmtp()) as server:
        send = SmtpImapSend(ConnectPolicy(extra_ports=(server.port,)), timeouts=PATIENT)
        with pytest.raises(Permanent) as error:
            await send.submit(OUTGOING, credentials(server.port), Noted())
        assert error.value.reason == "refused_host"
        assert server.connections == 0


@pytest.mark.parametrize(
    ("offered", "used"),
    [("PLAIN LOGIN CRAM-MD5", b"AUTH CRAM-MD5"), ("PLAIN LOGIN", b"AUTH PLAIN"), ("LOGIN", b"AUTH LOGIN")],
)
async def test_without_tls_the_password_itself_is_sent_last(offered: str, used: bytes) -> None:
    async with running(ScriptedSmtp(mechanisms=offered)) as server:
        send = sender(server.port)
        await send.submit(OUTGOING, credentials(server.port), Noted())
        assert next(line for line in server.commands if line.startswith(b"AUTH")).startswith(used)
        await send.close()


async def test_with_tls_plain_comes_first(authority: tuple[trustme.CA, str]) -> None:
    ca, file = authority
    async with running(ScriptedSmtp(tls=context(ca, "localhost"), implicit=True)) as server:
        send = sender(server.port, ca_file=file)
        await send.submit(OUTGOING, credentials(server.port, host="localhost", security="tls"), Noted())
        assert server.said("AUTH PLAIN") == 1
        await send.close()


async def test_a_refused_password_is_tried_once_only() -> None:
    async with running(ScriptedSmtp()) as server:
        server.always(At.AUTH, say("535 5.7.8 no"))
        send = sender(server.port)
        with pytest.raises(ReauthRequired):
            await send.submit(OUTGOING, credentials(server.port), Noted())
        assert server.said("AUTH") == 1


async def test_a_mechanism_that_the_server_only_claims_gives_way_to_the_next() -> None:
    async with running(ScriptedSmtp(mechanisms="PLAIN LOGIN")) as server:
        server.on(At.AUTH, say("504 5.5.4 not really"))
        send = sender(server.port)
        await send.submit(OUTGOING, credentials(server.port), Noted())
        assert server.said("AUTH") == 2
        await send.close()


async def test_xoauth2_carries_the_token_and_its_refusal_asks_for_reconnection() -> None:
    async with running(ScriptedSmtp()) as server:
        send = sender(server.port)
        await send.submit(OUTGOING, credentials(server.port, auth="xoauth2", password="tok-1"), Noted())
        line = next(line for line in server.commands if line.startswith(b"AUTH XOAUTH2 "))
        assert base64.b64decode(line.split()[2]) == b"user=ada@example.com\x01auth=Bearer tok-1\x01\x01"
        server.on(At.AUTH, say("334 eyJzdGF0dXMiOiI0MDEifQ=="))
        with pytest.raises(ReauthRequired):
            await send.submit(OUTGOING, credentials(server.port, auth="xoauth2", password="tok-2"), Noted())
        await send.close()


async def test_a_relay_without_login_is_used_without_one_only_where_the_operator_named_it(
    authority: tuple[trustme.CA, str],
) -> None:
    ca, file = authority
    async with running(ScriptedSmtp(mechanisms="")) as server:
        send = sender(server.port)
        await send.submit(OUTGOING, credentials(server.port), Noted())
        assert len(server.ledger) == 1
        await send.close()
    async with running(ScriptedSmtp(mechanisms="", tls=context(ca, "localhost"), implicit=True)) as server:
        send = sender(server.port, ca_file=file)
        with pytest.raises(ReauthRequired):
            await send.submit(OUTGOING, credentials(server.port, host="localhost", security="tls"), Noted())
        assert server.ledger == []


async def test_a_missing_password_asks_for_reconnection() -> None:
    send = sender(1)
    with pytest.raises(ReauthRequired):
        await send.submit(OUTGOING, replace(credentials(1), secret={}), Noted())


async def test_a_host_that_does_not_answer_pauses_the_host(unused_tcp_port: int) -> None:
    send = sender(unused_tcp_port)
    with pytest.raises(Transient) as error:
        await send.submit(OUTGOING, credentials(unused_tcp_port), Noted())
    assert error.value.scope == "host"


async def test_what_the_server_cannot_carry_is_refused_before_it_is_offered() -> None:
    bare = ScriptedSmtp(extensions=("SIZE 1000",))
    eight_bit = OUTGOING.mime.replace(b"Hello", "Hellö".encode())
    async with running(bare) as server:
        send = sender(server.port)
        for message, reason in (
            (outgoing(mime=OUTGOING.mime + b"x\r\n" * 1000), "too_large"),
            (outgoing(mime=eight_bit), "unsupported_by_server"),
            (to("zoë@example.org"), "unsupported_by_server"),
            (outgoing(mime=OUTGOING.mime + b"\n.\nMAIL FROM:<eve@example.net>\r\n"), "invalid_message"),
            (outgoing(mime=OUTGOING.mime + b"a\rb\r\n"), "invalid_message"),
            (to("bob@example.org>\r\nRCPT TO:<eve@example.net"), "invalid_address"),
            (to("bob@example.org> SIZE=1"), "invalid_address"),
        ):
            with pytest.raises(Permanent) as error:
                await send.submit(message, credentials(server.port), Noted())
            assert error.value.reason == reason
        assert not server.said("MAIL")
        assert server.connections == 1
        await send.close()


async def test_extensions_are_asked_for_where_they_are_needed() -> None:
    async with running(ScriptedSmtp()) as server:
        send = sender(server.port)
        await send.submit(OUTGOING, credentials(server.port), Noted())
        await send.submit(
            outgoing(mime=OUTGOING.mime.replace(b"Hello", "Hellö".encode())), credentials(server.port), Noted()
        )
        await send.submit(to("zoë@example.org"), credentials(server.port), Noted())
        size = len(OUTGOING.mime)
        assert [line.partition(b"> ")[2] for line in server.commands if line.startswith(b"MAIL")] == [
            f"SIZE={size}".encode(),
            f"SIZE={size + 1} BODY=8BITMIME".encode(),
            f"SIZE={size} SMTPUTF8".encode(),
        ]
        assert server.ledger[-1].recipients == ("zoë@example.org",)
        await send.close()


async def test_our_name_in_ehlo_tells_nothing_of_this_machine() -> None:
    async with running(ScriptedSmtp()) as server:
        send = sender(server.port)
        await send.submit(OUTGOING, credentials(server.port), Noted())
        assert b"EHLO [127.0.0.1]" in server.commands
        await send.close()


async def test_nothing_is_left_running_when_closed(tmp_path: Path) -> None:
    async with running(ScriptedSmtp()) as server:
        send = sender(server.port)
        before = asyncio.all_tasks()
        await send.submit(OUTGOING, credentials(server.port), Noted())
        await send.close()
        async with asyncio.timeout(30):
            while server.open:
                await asyncio.sleep(0.01)
        assert asyncio.all_tasks() <= before
