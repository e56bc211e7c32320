"""Connecting an SMTP/IMAP mailbox: which server said what, which client would be better, and what is never tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.providers.errors import Permanent, ProviderError, Transient
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.connect import SmtpImapConnect
from services.providers.smtp_imap.known_hosts import better_client
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted_smtp import HANG, At, ScriptedSmtp, running, say

SECRET = {"smtp_password": PASSWORD, "imap_password": PASSWORD}


@pytest.fixture
async def smtp() -> AsyncIterator[ScriptedSmtp]:
    async with running(ScriptedSmtp()) as scripted:
        yield scripted


def settings(smtp: ScriptedSmtp, dovecot: Dovecot, **changes: Any) -> dict[str, Any]:
    return {
        "smtp": {"host": "127.0.0.1", "port": smtp.port, "security": "plain", "username": "ada", **changes},
        "imap": {"host": "localhost", "port": dovecot.imaps_port, "security": "tls", "username": "ada"},
    }


def connect(smtp: ScriptedSmtp, dovecot: Dovecot, budget: float = 15.0) -> SmtpImapConnect:
    policy = ConnectPolicy(
        allowed_networks=("127.0.0.0/8", "::1/128"),
        extra_ports=(smtp.port, dovecot.imaps_port),
        ca_file=dovecot.ca_file,
    )
    return SmtpImapConnect(policy, budget=budget)


async def refused(connecting: SmtpImapConnect, given: dict[str, Any], secret: dict[str, str] = SECRET) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        await connecting.prove("ada@example.com", given, secret)
    return error.value


async def test_both_logins_prove_the_mailbox_and_nothing_is_sent(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    proof = await connect(smtp, shared_dovecot).prove("ada@example.com", settings(smtp, shared_dovecot), SECRET)
    assert proof.settings["sent_folder"] == "Sent"
    assert {"idle", "smtputf8", "sent_folder"} <= set(proof.abilities)
    assert smtp.said("AUTH") == 1
    assert smtp.said("DATA") == 0
    assert smtp.ledger == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::ffff:127.0.0.1"])
async def test_a_refused_host_is_never_touched_so_that_no_time_tells_its_open_ports(host: str) -> None:
    """A server listens there: whether one does cannot be told, by words or by time, from what asks no server."""
    came: list[object] = []
    server = await asyncio.start_server(lambda reader, writer: came.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connecting = SmtpImapConnect(ConnectPolicy(extra_ports=(port,)))
    side = {"host": host, "port": port, "security": "tls", "username": "ada"}
    async with server:
        error = await refused(connecting, {"smtp": side, "imap": side})
        assert (error.reason, came) == ("refused_host", [])
        allowed = SmtpImapConnect(ConnectPolicy(extra_ports=(port,), allowed_networks=("127.0.0.0/8",)), budget=1)
        await refused(allowed, {"smtp": side, "imap": side})
        assert came, "where it is allowed it is asked: so this test can tell"
        for writer in came:
            writer.close()  # type: ignore[attr-defined]


async def test_the_smtp_servers_refusal_is_told_in_its_words(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    smtp.on(At.AUTH, say("535 5.7.8 the badger says no"))
    error = await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot))
    assert isinstance(error, Permanent)
    assert error.reason == "refused_login"
    assert error.words == f"The SMTP server 127.0.0.1:{smtp.port} said: 535 5.7.8 the badger says no"
    assert "SMTP" in error.remedy


async def test_the_imap_servers_refusal_is_told_in_its_words(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    error = await refused(
        connect(smtp, shared_dovecot), settings(smtp, shared_dovecot), {**SECRET, "imap_password": "wrong"}
    )
    assert isinstance(error, Permanent)
    assert error.reason == "refused_login"
    assert error.words.startswith(f"The IMAP server localhost:{shared_dovecot.imaps_port} said:")
    assert "IMAP" in error.remedy


async def test_both_refusals_are_told_together(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    smtp.on(At.AUTH, say("454 4.7.0 later"))
    error = await refused(
        connect(smtp, shared_dovecot), settings(smtp, shared_dovecot), {**SECRET, "imap_password": "wrong"}
    )
    assert isinstance(error, Permanent)  # a person can act on the one, and need not wait for the other
    assert "IMAP server" in error.words
    assert "SMTP server" in error.words


async def test_a_server_that_may_answer_later_is_not_a_refusal(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    smtp.on(At.AUTH, say("454 4.7.0 later"))
    assert isinstance(await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot)), Transient)


async def test_a_silent_server_ends_the_proof_within_its_budget(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    smtp.on(At.CONNECT, HANG)
    async with asyncio.timeout(10):
        error = await refused(connect(smtp, shared_dovecot, budget=0.5), settings(smtp, shared_dovecot))
    assert isinstance(error, Transient)
    assert "SMTP" in error.words


async def test_a_sender_that_the_server_refuses_is_told_before_anything_is_saved(
    smtp: ScriptedSmtp, shared_dovecot: Dovecot
) -> None:
    smtp.on(At.MAIL, say("553 5.7.1 not your address"))
    error = await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot))
    assert isinstance(error, Permanent)
    assert error.reason == "refused_sender"


async def test_passwords_switched_off_name_the_better_client(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    smtp.on(At.AUTH, say("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled"))
    error = await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot))
    assert isinstance(error, Permanent)
    assert error.reason == "other_client"
    assert "Microsoft 365" in error.remedy


async def test_starttls_that_is_not_offered_is_refused(smtp: ScriptedSmtp, shared_dovecot: Dovecot) -> None:
    given = settings(smtp, shared_dovecot, security="starttls")
    error = await refused(connect(smtp, shared_dovecot), given)
    assert isinstance(error, Permanent)
    assert error.reason == "starttls_refused"
    assert smtp.said("AUTH") == 0


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "nosuchname.invalid", "[::ffff:10.0.0.1]", "a b"])
async def test_every_host_that_is_refused_is_refused_in_the_same_words(
    host: str, smtp: ScriptedSmtp, shared_dovecot: Dovecot
) -> None:
    error = await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot, host=host))
    assert isinstance(error, Permanent)
    assert error.reason == "refused_host"
    assert error.words == f"{host}:{smtp.port} cannot be used as a mail server"


@pytest.mark.parametrize("port", [22, 143, 993, 8080])
async def test_a_port_that_is_not_for_submission_is_refused(
    port: int, smtp: ScriptedSmtp, shared_dovecot: Dovecot
) -> None:
    given = settings(smtp, shared_dovecot, port=port, security="tls")
    assert (await refused(connect(smtp, shared_dovecot), given)).reason == "refused_host"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"port": 0}, "smtp.port"), ({"host": "a\r\nb"}, "smtp.host"), ({"security": "none"}, "smtp.security")],
)
async def test_wrong_settings_name_their_field(
    changes: dict[str, Any], field: str, smtp: ScriptedSmtp, shared_dovecot: Dovecot
) -> None:
    error = await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot, **changes))
    assert error.reason == "invalid_settings"
    assert field in error.words


@pytest.mark.parametrize("address", ["ada@example.com>\r\nRCPT TO:<eve@example.net", "ada@example.com> SIZE=1"])
async def test_an_address_that_is_more_than_one_is_refused(
    address: str, smtp: ScriptedSmtp, shared_dovecot: Dovecot
) -> None:
    with pytest.raises(Permanent):
        await connect(smtp, shared_dovecot).prove(address, settings(smtp, shared_dovecot), SECRET)
    assert smtp.said("MAIL") == smtp.said("RCPT") == 0


@pytest.mark.parametrize(
    ("host", "title"),
    [
        ("smtp.office365.com", "Microsoft 365"),
        ("outlook.office365.com", "Microsoft 365"),
        ("SMTP-MAIL.outlook.com.", "Microsoft 365"),
        ("contoso-com.mail.protection.outlook.com", "Microsoft 365"),
        ("smtp.gmail.com", "Gmail"),
        ("imap.googlemail.com", "Gmail"),
        ("smtp-relay.gmail.com", "Gmail"),
        ("aspmx.l.google.com", "Gmail"),
        ("mail.example.com", None),
        ("notgmail.com", None),
        ("smtp.gmail.com.example.com", None),
    ],
)
async def test_a_known_host_is_answered_with_the_better_clients_name(
    host: str, title: str | None, smtp: ScriptedSmtp, shared_dovecot: Dovecot
) -> None:
    better = better_client(host, ConnectPolicy())
    assert (better.title if better else None) == title
    if title is not None:
        error = await refused(connect(smtp, shared_dovecot), settings(smtp, shared_dovecot, host=host))
        assert error.reason == "other_client"
        assert title in error.remedy
        assert smtp.connections == 0


def test_an_operator_can_accept_a_known_host_all_the_same() -> None:
    policy = ConnectPolicy(hosts={"smtp_imap": {"accepted": ["smtp.gmail.com"]}})
    assert better_client("smtp.gmail.com", policy) is None
    assert better_client("imap.gmail.com", policy) is not None
