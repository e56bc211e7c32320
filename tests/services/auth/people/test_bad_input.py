"""What does not work is told by a sentence and a remedy of its own, and leaves nothing of a mailbox behind."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
import trustme

from deploy.embedded.free_ports import free_port
from tests.servers.dovecot import PASSWORD
from tests.servers.scripted_smtp import At, say
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Team

EXPIRED, CLOSED = free_port(), free_port()
"""Where a server has an old certificate, and where none is."""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def besides() -> AsyncIterator[dict[str, Any]]:
    authority = trustme.CA()
    old = authority.issue_cert("localhost", not_after=datetime(2025, 1, 31, tzinfo=UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.configure_cert(tls)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", EXPIRED, ssl=tls)
    async with server:
        yield {"more_ports": (EXPIRED, CLOSED), "more_trust": authority.cert_pem.bytes().decode()}


async def test_a_wrong_password_is_told_per_server_and_leaves_nothing(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    answer = await browser.post("/connect/smtp_imap", **team.fields(password="not-it", smtp_password=PASSWORD))
    assert answer.status_code == 422
    assert "The IMAP server refused the login." in answer.text
    works, failed = answer.text.index("Works</span>"), answer.text.index("Failed</span>")
    assert answer.text.index("Reading mail (IMAP)", failed) - failed < 200
    assert answer.text.index("Sending mail (SMTP)", works) - works < 200
    assert 'value="ada@example.com"' in answer.text  # what was typed is there again
    assert "not-it" not in answer.text
    assert PASSWORD not in answer.text
    await team.nothing_is_left()


async def test_whichever_servers_refuse_are_named_each_with_its_sentence(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    auth.mail.smtp.on(At.AUTH, say("535 5.7.8 not you"))
    answer = await browser.post("/connect/smtp_imap", **team.fields())
    assert "The SMTP server refused the login." in answer.text
    assert "The IMAP server refused" not in answer.text
    auth.mail.smtp.on(At.AUTH, say("535 5.7.8 not you"))
    answer = await browser.post("/connect/smtp_imap", **team.fields(password="not-it"))
    assert answer.status_code == 422
    both = "Neither server let us in. The SMTP server refused the login. The IMAP server refused the login."
    assert both in answer.text
    assert answer.text.count("Failed</span>") == 2
    assert 'id="wrong-password"' in answer.text, "it is told at the field that both take it from"
    auth.mail.smtp.on(At.AUTH, say("535 5.7.8 not you"))
    answer = await browser.post("/connect/smtp_imap", **team.fields(imap_port=str(CLOSED)))
    assert "The SMTP server refused the login. The IMAP server does not answer." in answer.text
    await team.nothing_is_left()


@pytest.mark.parametrize(
    ("changed", "sentence", "remedy"),
    [
        ({"imap_host": "10.1.2.3", "imap_port": "993"}, "cannot be used as a mail server", "Check the host"),
        ({"imap_host": "nowhere.example.com", "imap_port": "993"}, "cannot be used as a mail server", "Check the host"),
        ({"smtp_host": "smtp.office365.com", "smtp_port": "587", "smtp_security": "starttls"},
         "better connected another way", "as Microsoft 365 instead"),
        ({"imap_port": str(EXPIRED)}, "The certificate of the IMAP server has expired.", "renew its certificate"),
        ({"imap_port": str(CLOSED)}, "The IMAP server does not answer.", "Check that the server is up"),
        ({"smtp_port": str(CLOSED)}, "The SMTP server does not answer.", "Check that the server is up"),
        ({"smtp_port": str(EXPIRED), "smtp_security": "tls"},
         "The certificate of the SMTP server has expired.", "renew its certificate"),
        ({"imap_host": "outlook.office365.com", "imap_port": "993"},
         "better connected another way", "as Microsoft 365 instead"),
        ({"imap_port": "22"}, "cannot be used as a mail server", "Check the host"),
        ({"imap_port": "x"}, "The port of the IMAP server cannot be used.", "Correct"),
        ({"address": "ada"}, "not an e-mail address", "such as ada@example.com"),
    ],
)  # fmt: skip
async def test_bad_input_has_its_sentence_and_remedy(
    team: Team, changed: dict[str, str], sentence: str, remedy: str
) -> None:
    browser = await team.visit()
    answer = await browser.post("/connect/smtp_imap", **{**team.fields(), **changed})
    assert answer.status_code in (422, 503)
    alert = answer.text[answer.text.index('role="alert"') :]
    assert sentence in alert
    assert remedy in alert
    await team.nothing_is_left()


async def test_a_server_without_time_is_no_fault_of_the_password(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    auth.mail.smtp.on(At.CONNECT, say("421 4.3.2 come back later"))
    answer = await browser.post("/connect/smtp_imap", **team.fields())
    assert answer.status_code == 503
    assert "come back later" in answer.text
    await team.nothing_is_left()


async def test_a_refused_host_tells_nothing_of_itself(team: Team) -> None:
    """Open, closed, no mail port, or not there at all: one answer, so that nobody maps a network by our form."""
    browser = await team.visit()
    alerts = set()
    for host, port in (
        ("10.1.2.3", "993"),
        ("169.254.169.254", "993"),
        ("nowhere.example.com", "993"),
        ("127.0.0.1", "22"),
    ):
        answer = await browser.post("/connect/smtp_imap", **team.fields(imap_host=host, imap_port=port))
        assert answer.status_code == 422
        alert = answer.text[answer.text.index('role="alert"') :]
        alerts.add(alert[: alert.index("Nothing was saved")].replace(f"{host}:{port}", "WHERE"))
    assert len(alerts) == 1
