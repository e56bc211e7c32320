from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator

import pytest

from services.providers.errors import Permanent, Transient
from services.providers.imap import folders
from services.providers.imap.proof import prove_imap
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.sent_copy import SentFolders
from services.providers.smtp_imap.settings import imap_of
from services.providers.types import CopyVerdict, Credentials, Envelope, Outgoing, ProbeVerdict
from tests.providers.imap.conftest import LOOPBACK, Mailbox, credentials
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import Do, ScriptedImap

LISTED = b'* LIST () "/" INBOX\r\n* LIST (\\Sent) "/" Sent\r\n<tag> OK\r\n'


def outgoing(number: int = 1) -> Outgoing:
    message_id = f"<sent{number}@example.com>"
    mime = f"Message-ID: {message_id}\r\nSubject: Hi\r\n\r\n.body {{9}}\r\n".encode()
    return Outgoing(Envelope("ann@example.com", ("bob@example.org",)), mime, message_id, "marker")


@pytest.fixture
async def sent(mailbox: Mailbox) -> AsyncIterator[SentFolders]:
    folders = SentFolders(mailbox.policy)
    yield folders
    await folders.close()


@pytest.fixture
async def scripted(script: ScriptedImap) -> AsyncIterator[SentFolders]:
    script.always("LIST", LISTED)
    folders = SentFolders(ConnectPolicy(allowed_networks=LOOPBACK, extra_ports=(script.port,)))
    yield folders
    await folders.close()


async def test_a_sent_message_is_filed_once_however_often_it_is_asked_for(mailbox: Mailbox, sent: SentFolders) -> None:
    first = await sent.file(outgoing(), mailbox.credentials(), math.inf)
    again = await sent.file(outgoing(), mailbox.credentials(), math.inf)
    await sent.forget(mailbox.credentials().account_id)
    anew = await sent.file(outgoing(), mailbox.credentials(), math.inf)
    assert (first.verdict, first.folder) == (CopyVerdict.FILED, "Sent")
    assert first.uid is not None
    assert [again, anew] == [type(again)(CopyVerdict.ALREADY_THERE, "Sent", first.uid)] * 2
    (stored,) = mailbox.dovecot.messages(mailbox.user, "Sent")
    assert stored.replace(b"\n", b"\r\n") == outgoing().mime  # a Maildir keeps lines as Unix does


async def test_a_copy_counts_as_read(mailbox: Mailbox, sent: SentFolders) -> None:
    await sent.file(outgoing(), mailbox.credentials(), math.inf)
    assert mailbox.dovecot.flags(mailbox.user, "Sent") == ["S"]


async def test_what_another_program_filed_is_not_doubled(mailbox: Mailbox, sent: SentFolders) -> None:
    await sent.file(outgoing(1), mailbox.credentials(), math.inf)  # the connection is open already
    mailbox.deliver(outgoing(2).mime, folder="Sent")
    assert (await sent.file(outgoing(2), mailbox.credentials(), math.inf)).verdict is CopyVerdict.ALREADY_THERE


async def test_a_probe_finds_what_was_filed_and_draws_nothing_from_its_absence(
    mailbox: Mailbox, sent: SentFolders
) -> None:
    assert (await sent.probe(outgoing(), mailbox.credentials())).verdict is ProbeVerdict.CANNOT_KNOW
    mailbox.deliver(outgoing().mime, folder="Sent")
    found = await sent.probe(outgoing(), mailbox.credentials())
    assert found.verdict is ProbeVerdict.FOUND
    assert found.identities is not None
    assert found.identities.message_ids == (outgoing().message_id,)


async def test_a_localised_folder_is_found_where_the_server_knows_no_uses() -> None:
    own = Dovecot(folders={"Gesendete Objekte": None, "Entwürfe": None})
    await own.start()
    try:
        mailbox = Mailbox(own, "ann")
        sent = SentFolders(mailbox.policy)
        copy = await sent.file(outgoing(), mailbox.credentials(), math.inf)
        assert copy.folder == "Gesendete Objekte"
        await sent.close()
    finally:
        await own.stop()
        own.remove()


async def test_without_a_folder_for_sent_mail_none_is_created(script: ScriptedImap) -> None:
    folders = SentFolders(ConnectPolicy(allowed_networks=LOOPBACK, extra_ports=(script.port,)))
    with pytest.raises(Permanent) as refused:
        await folders.file(outgoing(), credentials(script.port), math.inf)
    assert refused.value.reason == "no_sent_folder"
    assert refused.value.remedy
    assert not [command for command in script.commands if command.startswith(("CREATE", "APPEND"))]
    await folders.close()


@pytest.mark.parametrize("host", ["smtp.gmail.com", "smtp.office365.com", "smtp.mail.me.com", "smtp.zoho.eu"])
async def test_nothing_is_appended_where_the_provider_files_by_itself(mailbox: Mailbox, host: str) -> None:
    given = mailbox.credentials()
    settings = {**given.settings, "smtp": {**given.settings["smtp"], "host": host}}
    account = Credentials(given.account_id, "team", "smtp_imap", given.address, settings, given.secret)
    copy = await SentFolders(mailbox.policy).file(outgoing(), account, math.inf)
    assert copy.verdict is CopyVerdict.PROVIDER_FILES
    assert mailbox.dovecot.messages(mailbox.user, "Sent") == []


async def test_a_copy_whose_fate_is_unknown_is_looked_for_before_the_next_try(
    script: ScriptedImap, scripted: SentFolders
) -> None:
    script.on("APPEND", Do(say=b"+ go on\r\n", drop=True))
    with pytest.raises(Transient):
        await scripted.file(outgoing(), credentials(script.port), math.inf)
    script.on("UID SEARCH", b"* SEARCH 5\r\n<tag> OK\r\n")
    copy = await scripted.file(outgoing(), credentials(script.port), math.inf)
    assert (copy.verdict, copy.uid) == (CopyVerdict.ALREADY_THERE, 5)


async def test_a_server_that_lets_the_copy_go_on_too_late_gets_nothing_of_it(
    script: ScriptedImap, scripted: SentFolders
) -> None:
    script.on("APPEND", Do(say=b"+ go on\r\n", then=b"<tag> OK\r\n"))
    with pytest.raises(Transient, match="in its time"):
        await scripted.file(outgoing(), credentials(script.port), time.monotonic())


async def test_a_message_too_large_for_the_server_is_not_tried_again(
    script: ScriptedImap, scripted: SentFolders
) -> None:
    script.on("APPEND", b"<tag> NO [TOOBIG] at most 10 MB\r\n")
    with pytest.raises(Permanent, match="TOOBIG"):
        await scripted.file(outgoing(), credentials(script.port), math.inf)


async def test_a_full_mailbox_is_tried_again_later(script: ScriptedImap, scripted: SentFolders) -> None:
    script.on("APPEND", b"<tag> NO [OVERQUOTA] full\r\n", b"+ go\r\n")
    with pytest.raises(Transient, match="OVERQUOTA"):
        await scripted.file(outgoing(), credentials(script.port), math.inf)


async def test_a_kept_connection_that_died_is_replaced(script: ScriptedImap, scripted: SentFolders) -> None:
    await scripted.file(outgoing(1), credentials(script.port), math.inf)
    script.hang_up()
    assert (await scripted.file(outgoing(2), credentials(script.port), math.inf)).verdict is CopyVerdict.FILED


async def test_the_proof_learns_the_sent_folder(mailbox: Mailbox) -> None:
    given = mailbox.credentials()
    proof = await prove_imap(imap_of(given), given.secret, mailbox.policy)
    sent = folders.find_sent(proof.folders, None)
    assert sent is not None
    assert sent.name == "Sent"
    assert {folder.name for folder in proof.folders} == {"INBOX", "Sent", "Junk", "Archive"}
    assert "IDLE" in proof.capabilities
