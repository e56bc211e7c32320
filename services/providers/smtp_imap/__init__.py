"""The SMTP/IMAP client: any mailbox that people reach with host, port, user and password."""

from __future__ import annotations

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, Connect, ConnectPolicy, Send, Sync

# Each face is imported when it is made: inbox_sync needs no SMTP library, and a face's cost is its user's alone.


def _connect(policy: ConnectPolicy) -> Connect:
    from services.providers.smtp_imap.connect import SmtpImapConnect

    return SmtpImapConnect(policy)


def _send(policy: ConnectPolicy) -> Send:
    from services.providers.smtp_imap.send import SmtpImapSend

    return SmtpImapSend(policy)


def _sync(policy: ConnectPolicy) -> Sync:
    from services.providers.smtp_imap.sync import SmtpImapSync

    return SmtpImapSync(policy)


CLIENT = Client(
    capabilities=Capabilities(client="smtp_imap", title="SMTP / IMAP server"),
    connect=_connect,
    send=_send,
    sync=_sync,
)
