"""The sandbox mail server, spoken to by the standard library's clients over TLS it verifies."""

from __future__ import annotations

import imaplib
import re
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.sandbox_mail import ledger

MESSAGE = (
    b"Message-ID: <one@example.com>\r\nFrom: Alice <alice@example.com>\r\nTo: bob@example.org\r\n"
    b"Subject:  =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nTrailing space \r\n.dot\r\n\xc3\xa4 8-bit\r\n"
)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxMail]:
    server = SandboxMail(tmp_path)
    await server.start()
    yield server
    await server.stop()


def trust(sandbox: SandboxMail) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(sandbox.ca_file))


def submission(sandbox: SandboxMail, user: str = "alice@example.com") -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", sandbox.ports["submission"], timeout=10)
    client.starttls(context=trust(sandbox))
    client.login(user, sandbox.users[user])
    return client


def mailbox(sandbox: SandboxMail, user: str) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL("localhost", sandbox.ports["imap"], ssl_context=trust(sandbox), timeout=10)
    client.login(user, sandbox.users[user])
    return client


def whole(client: imaplib.IMAP4, uid: str) -> bytes:
    _, data = client.uid("FETCH", uid, "(BODY.PEEK[])")
    assert isinstance(data[0], tuple)
    content = data[0][1]
    assert isinstance(content, bytes)
    return content


async def test_a_submitted_message_arrives_byte_for_byte_with_a_trace_on_top(sandbox: SandboxMail) -> None:
    with submission(sandbox) as client:
        client.sendmail("alice@example.com", ["bob+news@example.org"], MESSAGE)
    with mailbox(sandbox, "bob@example.org") as box:
        box.select("INBOX", readonly=True)
        arrived = whole(box, "1:*")
    assert arrived.endswith(MESSAGE)
    assert arrived.startswith(b"Return-Path: <alice@example.com>\r\nDelivered-To: bob@example.org\r\n")
    accepted = list(ledger.read(sandbox.ledger_file))
    assert [(a.message_id, a.login, a.recipients) for a in accepted] == [
        ("<one@example.com>", "alice@example.com", ("bob+news@example.org",))
    ]


async def test_smtp_over_tls_takes_mail_too(sandbox: SandboxMail) -> None:
    with smtplib.SMTP_SSL("localhost", sandbox.ports["smtps"], context=trust(sandbox), timeout=10) as client:
        client.login("bob@example.org", sandbox.users["bob@example.org"])
        client.sendmail("bob@example.org", ["alice@example.com"], MESSAGE)
    assert len(list(ledger.read(sandbox.ledger_file))) == 1


async def test_nothing_is_taken_without_a_login_nor_a_login_without_tls(sandbox: SandboxMail) -> None:
    with smtplib.SMTP("localhost", sandbox.ports["submission"], timeout=10) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        client.starttls(context=trust(sandbox))
        client.ehlo()
        code, _ = client.mail("alice@example.com")
        assert code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("alice@example.com", "wrong")


@pytest.mark.parametrize(
    ("sender", "recipient", "code"),
    [
        ("bob@example.org", "bob@example.org", 553),
        ("alice@example.com", "nobody@example.org", 550),
        ("alice@example.com", "somebody@example.net", 554),
    ],
)
async def test_foreign_senders_and_unknown_recipients_are_refused(
    sandbox: SandboxMail, sender: str, recipient: str, code: int
) -> None:
    with submission(sandbox) as client:
        client.ehlo()
        answer = client.mail(sender)
        if answer[0] == 250:
            answer = client.rcpt(recipient)
        assert answer[0] == code
    assert not list(ledger.read(sandbox.ledger_file))


async def test_idle_hears_of_a_delivery(sandbox: SandboxMail) -> None:
    with mailbox(sandbox, "bob@example.org") as box:
        box.select("INBOX", readonly=True)
        box.send(b"x IDLE\r\n")
        assert box.readline().startswith(b"+")
        with submission(sandbox) as client:
            client.sendmail("alice@example.com", ["bob@example.org"], MESSAGE)
        assert b"1 EXISTS" in box.readline()
        box.send(b"DONE\r\n")
        while not (line := box.readline()).startswith(b"x "):
            assert line.startswith(b"*")


async def test_a_restart_keeps_mail_flags_uids_and_the_authority(sandbox: SandboxMail) -> None:
    authority = sandbox.ca_file.read_bytes()
    with mailbox(sandbox, "alice@example.com") as box:
        status, answer = box.append("Sent", r"(\Seen)", imaplib.Time2Internaldate(1_700_000_000), MESSAGE)
        assert status == "OK"
        appended = re.search(rb"APPENDUID (\d+) (\d+)", answer[0])
        assert appended is not None
        box.append("Sent", "", "", MESSAGE)
        box.select("Sent")
        box.uid("STORE", "102", "+FLAGS", r"(\Deleted)")
        box.expunge()
        box.create('"Projets &AOk-t&AOk-"')
    await sandbox.stop()
    await sandbox.start()
    assert sandbox.ca_file.read_bytes() == authority
    with mailbox(sandbox, "alice@example.com") as box:
        _, status_line = box.status("Sent", "(MESSAGES UIDNEXT UIDVALIDITY)")
        assert isinstance(status_line[0], bytes)
        assert b"MESSAGES 1" in status_line[0]
        assert b"UIDNEXT 103" in status_line[0]
        assert b"UIDVALIDITY " + appended.group(1) in status_line[0]
        box.select("Sent", readonly=True)
        assert any(isinstance(line, bytes) and b"Projets &AOk-t&AOk-" in line for line in box.list()[1])
        _, data = box.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)")
        assert isinstance(data[0], bytes)
        assert rb"\Seen" in data[0]
        assert imaplib.Internaldate2tuple(data[0]) is not None
        assert whole(box, appended.group(2).decode()) == MESSAGE


async def test_the_sent_folder_is_marked_and_found_by_its_message_ids(sandbox: SandboxMail) -> None:
    with mailbox(sandbox, "alice@example.com") as box:
        _, folders = box.list()
        assert any(isinstance(line, bytes) and rb"\Sent" in line and b"Sent" in line for line in folders)
        box.append("Sent", "", "", MESSAGE)
        box.select("Sent", readonly=True)
        assert box.uid("SEARCH", "HEADER", "Message-ID", "<one@example.com>")[1] == [b"101"]
        assert box.uid("SEARCH", "HEADER", "Message-ID", "<two@example.com>")[1] == [b""]
        _, headers = box.uid("FETCH", "1:*", "(UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (Message-ID Subject X-None)])")
        assert isinstance(headers[0], tuple)
        assert headers[0][1] == b"Message-ID: <one@example.com>\r\nSubject:  =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"


async def test_a_client_that_does_not_trust_the_sandbox_authority_is_not_fooled(sandbox: SandboxMail) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("localhost", sandbox.ports["imap"], ssl_context=ssl.create_default_context(), timeout=10)
