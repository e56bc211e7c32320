"""Connecting Gmail: both servers are proved by one token, which goes to Google's servers and no others."""

from __future__ import annotations

import pytest

from services.providers.errors import Permanent
from services.providers.gmail.connect import GmailConnect
from services.providers.gmail.settings import servers_of
from services.providers.protocols import ConnectPolicy
from tests.providers.conformance.benches import GmailBench
from tests.providers.gmail.conftest import refused


async def test_the_proof_tells_what_the_mailbox_can_do(mailbox: GmailBench) -> None:
    proof = await GmailConnect(mailbox.policy).prove(mailbox.address, {}, mailbox.credentials().secret)
    assert {"thread_ids", "all_mail", "sent_folder", "idle"} <= set(proof.abilities)
    assert proof.settings["imap"] == {"host": "localhost", "port": mailbox.gmail.imap.port, "security": "tls"}


async def test_a_persons_settings_cannot_send_the_token_elsewhere(mailbox: GmailBench) -> None:
    elsewhere = {"host": "imap.example.net", "port": 993, "security": "tls"}
    settings = {"imap": elsewhere, "smtp": elsewhere}
    proof = await GmailConnect(mailbox.policy).prove(mailbox.address, settings, mailbox.credentials().secret)
    assert proof.settings["imap"]["host"] == "localhost"
    google = servers_of("ada@example.com", ConnectPolicy())
    assert (google.smtp.host, google.smtp.port) == ("smtp.gmail.com", 465)
    assert (google.imap.host, google.imap.port) == ("imap.gmail.com", 993)


@pytest.mark.parametrize(
    ("says", "remedy"),
    [
        (
            b"NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page",
            "administrator",
        ),
        (b"NO [ALERT] Please log in via your web browser (Failure)", "web browser"),
        (b"NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "Sign in with Google"),
    ],
)
async def test_a_refused_login_says_what_its_person_can_do(says: bytes, remedy: str, mailbox: GmailBench) -> None:
    mailbox.gmail.imap.refusal = says
    error = await refused(GmailConnect(mailbox.policy).prove(mailbox.address, {}, mailbox.credentials().secret))
    assert isinstance(error, Permanent)
    assert error.reason == "refused_login"
    assert remedy in error.remedy
