"""Proves by a real login that a mailbox can be read, and learns what its settings should say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap import folders
from services.providers.smtp_imap.imap import errors, mailbox
from services.providers.smtp_imap.imap.connection import open_connection
from services.providers.smtp_imap.imap.errors import Refused
from services.providers.smtp_imap.imap.tokens import Unreadable
from services.providers.smtp_imap.settings import SmtpImapSettings


@dataclass(frozen=True, slots=True)
class ImapProof:
    """`sent_folder` is None where none was found: the person has to choose one, for none is created."""

    sent_folder: str | None
    folders: tuple[str, ...]
    capabilities: frozenset[str]


async def prove_imap(
    settings: SmtpImapSettings, secret: Mapping[str, str], policy: ConnectPolicy, *, timeout: float | None = None
) -> ImapProof:
    """Log in, list the folders, open INBOX for reading. Raises `ReauthRequired` (`refused_login`), `Permanent` or
    `Transient`; `timeout` in seconds, for the login."""
    connection = await open_connection(settings.imap, secret, policy, timeout=timeout)
    try:
        listed = await mailbox.list_folders(connection)
        await mailbox.examine(connection, "INBOX")
    except Refused as refusal:
        raise errors.refused_command(refusal) from refusal
    except Unreadable as unreadable:
        raise errors.misbehaved(str(unreadable)) from unreadable
    finally:
        await connection.close()
    sent = folders.find_sent(listed, settings.sent_folder)
    return ImapProof(sent.name if sent else None, tuple(folder.name for folder in listed), connection.capabilities)
