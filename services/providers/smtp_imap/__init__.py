"""The SMTP/IMAP client: any mailbox that people reach with host, port, user and password."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, ConnectPolicy

if TYPE_CHECKING:
    from services.providers.protocols import Connect, Send, Sync

# Each face is imported when it is made: inbox_sync needs no SMTP library, and a face's cost is its user's alone.


def _connect(policy: ConnectPolicy) -> Connect:
    face: Connect = import_module("services.providers.smtp_imap.connect").SmtpImapConnect(policy)
    return face


def _send(policy: ConnectPolicy) -> Send:
    face: Send = import_module("services.providers.smtp_imap.send").SmtpImapSend(policy)
    return face


def _sync(policy: ConnectPolicy) -> Sync:
    face: Sync = import_module("services.providers.smtp_imap.sync").SmtpImapSync(policy)
    return face


CLIENT = Client(
    capabilities=Capabilities(client="smtp_imap", title="SMTP / IMAP server"),
    connect=_connect,
    send=_send,
    sync=_sync,
)
