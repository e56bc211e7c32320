"""Connections to a real server: protected, refused, lost."""

from __future__ import annotations

import asyncio

import pytest

from services.providers.errors import Permanent, ReauthRequired, Transient
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.sync import SmtpImapSync
from tests.providers.imap.conftest import INBOX, LOOPBACK, Mailbox, credentials, news, subjects
from tests.servers.dovecot import Dovecot, mail


@pytest.mark.parametrize("security", ["tls", "starttls", "plain"])
async def test_a_mailbox_is_read_however_its_connection_is_protected(mailbox: Mailbox, security: str) -> None:
    mailbox.deliver(mail(1))
    session = await mailbox.open(security)
    uidvalidity = (await session.start(INBOX)).split(":")[0]
    assert subjects(await news(session, f"{uidvalidity}:0")) == ["Subject: Message 1"]


async def test_a_wrong_password_asks_for_the_person(mailbox: Mailbox) -> None:
    with pytest.raises(ReauthRequired) as refused:
        await SmtpImapSync(mailbox.policy).open(mailbox.credentials(password="wrong"))
    assert "wrong" not in str(refused.value)


async def test_a_password_beyond_ascii_reaches_the_server_whole(mailbox: Mailbox) -> None:
    with pytest.raises(ReauthRequired):
        await SmtpImapSync(mailbox.policy).open(mailbox.credentials(password='pä"ss\\wörd'))


async def test_a_certificate_of_nobody_known_is_refused(mailbox: Mailbox) -> None:
    stranger = ConnectPolicy(allowed_networks=LOOPBACK, extra_ports=mailbox.policy.extra_ports)
    with pytest.raises(Transient) as refused:
        await SmtpImapSync(stranger).open(mailbox.credentials())
    assert refused.value.reason == "untrusted_certificate"


@pytest.mark.parametrize("security", ["tls", "plain"])
async def test_a_lost_connection_wakes_the_waiter_at_once(security: str) -> None:
    own = Dovecot()
    await own.start()
    try:
        mailbox = Mailbox(own, "ann")
        session = await mailbox.open(security)
        await session.start(INBOX)
        waiting = asyncio.create_task(session.wait([INBOX], 60))
        assert not await session.wait([INBOX], 0.2)
        own.kill()
        async with asyncio.timeout(30):
            with pytest.raises(Transient):
                await waiting
        with pytest.raises(Transient):
            await session.folders()
    finally:
        await own.stop()
        own.remove()


async def test_no_mail_is_printed_even_at_debug(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    mailbox.deliver(mail(1, body="planted in the body"))
    session = await mailbox.open()
    (header,) = await news(session, (await session.start(INBOX)).split(":")[0] + ":0")
    await session.fetch(header.ref, 10_000)
    assert "planted" not in caplog.text
    assert "sender1@example.org" not in caplog.text
    assert mailbox.credentials().secret["imap_password"] not in caplog.text


async def test_a_refused_host_is_not_connected_to(mailbox: Mailbox) -> None:
    with pytest.raises(Permanent):
        await SmtpImapSync(ConnectPolicy(extra_ports=(mailbox.dovecot.imaps_port,))).open(
            credentials(mailbox.dovecot.imaps_port, "tls")
        )
