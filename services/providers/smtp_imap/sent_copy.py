"""Sees that a sent message is in the user's Sent folder exactly once: looks before it appends, creates no folder."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.providers.errors import Permanent
from services.providers.imap import folders, mailbox, names
from services.providers.imap.connection import COMMAND_SECONDS, ImapConnection
from services.providers.imap.errors import Refused
from services.providers.imap.kept import KeptConnections
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.settings import SmtpImapSettings, imap_of, read_settings
from services.providers.types import CopyVerdict, Credentials, Identities, Outgoing, Probe, ProbeVerdict, SentCopy

_KEPT_SECONDS = 20.0
_SLOWEST_UPLOAD = 20_000  # octets per second
_APPENDUID = re.compile(r"\[APPENDUID \d+ (\d+)\]", re.IGNORECASE)
# These file what is sent through them: an append would show every message twice, the commonest complaint of all.
_FILED_BY_PROVIDER = re.compile(
    r"(?:^|\.)(?:gmail\.com|googlemail\.com|office365\.com|outlook\.com|mail\.me\.com|icloud\.com|zoho\.[a-z.]+)$"
)


@dataclass(frozen=True, slots=True)
class _Sent:
    folder_id: str
    name: str
    uid: int | None
    """Where the message is; None where it is not there."""


class SentFolders:
    """send's hand in the Sent folders of many accounts; `close` ends the connections that are kept."""

    def __init__(self, policy: ConnectPolicy) -> None:
        self._connections = KeptConnections(policy, imap_of, _KEPT_SECONDS)

    async def file(self, outgoing: Outgoing, credentials: Credentials, until: float) -> SentCopy:
        """Nothing is appended past `until`. Raises `Permanent` where no folder is for sent mail or the server takes no
        message of this size."""
        settings = read_settings(credentials.settings)
        if not settings.sent_copy or _FILED_BY_PROVIDER.search(settings.smtp.host.lower().rstrip(".")):
            return SentCopy(CopyVerdict.PROVIDER_FILES)
        async with self._connections.use(credentials) as connection:
            sent = await _look(connection, settings, outgoing.message_id)
            if sent is None:
                raise Permanent(
                    "no_sent_folder",
                    words="none of the mailbox's folders is known to be for sent mail",
                    remedy="Choose the folder for sent mail in this mailbox's settings, or switch the sent copy off.",
                )
            if sent.uid is not None:
                return SentCopy(CopyVerdict.ALREADY_THERE, sent.name, sent.uid)
            uid = await _append(connection, sent.folder_id, outgoing.mime, until)
            return SentCopy(CopyVerdict.FILED, sent.name, uid)

    async def probe(self, outgoing: Outgoing, credentials: Credentials) -> Probe:
        """FOUND where the provider filed it. That it is not there proves nothing: most servers file nothing."""
        settings = read_settings(credentials.settings)
        async with self._connections.use(credentials) as connection:
            sent = await _look(connection, settings, outgoing.message_id)
        if sent is None:
            return Probe(ProbeVerdict.CANNOT_KNOW, evidence="the mailbox has no folder for sent mail")
        if sent.uid is None:
            return Probe(ProbeVerdict.CANNOT_KNOW, evidence=f"not in {sent.name}, which proves nothing")
        identities = Identities(message_ids=(outgoing.message_id,), marker=outgoing.marker)
        return Probe(ProbeVerdict.FOUND, identities, f"uid {sent.uid} in {sent.name}")

    async def forget(self, account_id: str) -> None:
        await self._connections.forget(account_id)

    async def close(self) -> None:
        await self._connections.close()


async def _look(connection: ImapConnection, settings: SmtpImapSettings, message_id: str) -> _Sent | None:
    """The folder for sent mail, opened, and the message's UID in it; None where there is no such folder."""
    name = settings.sent_folder or ""
    folder_id = names.encode(name)
    if connection.folder_id != folder_id:  # otherwise it is open since the copy before
        folder = folders.find_sent(await mailbox.list_folders(connection), settings.sent_folder)
        if folder is None:
            return None
        folder_id, name = folder.id, folder.name
        if connection.folder_id != folder_id:
            await mailbox.examine(connection, folder_id)
    found = await mailbox.search(connection, "HEADER", "Message-ID", names.quoted(message_id))
    return _Sent(folder_id, name, found.spans[0][0] if found.spans else None)


async def _append(connection: ImapConnection, folder_id: str, mime: bytes, until: float) -> int | None:
    """Returns the UID where the server tells it (UIDPLUS, RFC 4315).

    A literal that waits to be asked for (RFC 9051, 4.3): a process that slept since it looked sends none."""
    try:
        answer = await connection.run(
            "APPEND",
            names.quoted(folder_id),
            r"(\Seen)",
            f"{{{len(mime)}}}",
            sends=(mime + b"\r\n",),
            seconds=COMMAND_SECONDS + len(mime) / _SLOWEST_UPLOAD,
            until=until,
        )
    except Refused as refusal:
        if refusal.code == "TOOBIG":  # RFC 7889
            raise Permanent(
                "copy_too_large",
                words=refusal.words,
                code=f"IMAP {refusal.result} {refusal.code}",
                remedy="The message was sent; the mail server keeps no copy of this size.",
            ) from refusal
        raise
    found = _APPENDUID.search(answer.text.decode("ascii", "replace"))
    return int(found[1]) if found else None
