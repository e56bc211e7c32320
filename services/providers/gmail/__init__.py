"""The Gmail client: XOAUTH2 on Google's SMTP and IMAP, and what Google adds to both (X-GM-EXT-1)."""

from __future__ import annotations

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, Connect, ConnectPolicy, Send, Sync

# Each face is imported when it is made: inbox_sync needs no SMTP library, and a face's cost is its user's alone.


def _connect(policy: ConnectPolicy) -> Connect:
    from services.providers.gmail.connect import GmailConnect

    return GmailConnect(policy)


def _send(policy: ConnectPolicy) -> Send:
    from services.providers.gmail.send import GmailSend

    return GmailSend(policy)


def _sync(policy: ConnectPolicy) -> Sync:
    from services.providers.gmail.sync import GmailSync

    return GmailSync(policy)


CLIENT = Client(
    capabilities=Capabilities(
        client="gmail",
        title="Gmail",
        files_sent_copy=True,
        oauth=True,
        # Google lets 15 connections into one account, the person's own programs included. Ours are five: these three,
        # one that looks for what was sent, and inbox_sync's.
        connections_per_account=3,
        # Longer than anything that was written to a lost connection can still be under way (`send.UNACKNOWLEDGED`).
        probe_settle_seconds=120.0,
    ),
    connect=_connect,
    send=_send,
    sync=_sync,
)
