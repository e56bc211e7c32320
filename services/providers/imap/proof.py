"""Proves by a real login that a mailbox can be read, and learns which folders it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.providers.endpoint import Endpoint
from services.providers.imap import errors, mailbox
from services.providers.imap.connection import open_connection
from services.providers.imap.errors import Refused
from services.providers.imap.mailbox import Listed
from services.providers.imap.tokens import Unreadable
from services.providers.protocols import ConnectPolicy


@dataclass(frozen=True, slots=True)
class ImapProof:
    """What a mailbox that could be read has and can do."""

    folders: tuple[Listed, ...]
    capabilities: frozenset[str]


async def prove_imap(
    endpoint: Endpoint, secret: Mapping[str, str], policy: ConnectPolicy, *, timeout: float | None = None
) -> ImapProof:
    """Log in, list the folders, open INBOX for reading. Raises `ReauthRequired` (`refused_login`), `Permanent` or
    `Transient`; `timeout` in seconds, for the login."""
    connection = await open_connection(endpoint, secret, policy, timeout=timeout)
    try:
        listed = await mailbox.list_folders(connection)
        await mailbox.examine(connection, "INBOX")
    except Refused as refusal:
        raise errors.refused_command(refusal) from refusal
    except Unreadable as unreadable:
        raise errors.misbehaved(str(unreadable)) from unreadable
    finally:
        await connection.close()
    return ImapProof(listed, connection.capabilities)
