"""The Gmail client: XOAUTH2 on Google's SMTP and IMAP, and what Google adds to both (X-GM-EXT-1)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, ConnectPolicy

if TYPE_CHECKING:
    from services.providers.protocols import Connect, Send, Sync

# Each face is imported when it is made: inbox_sync needs no SMTP library, and a face's cost is its user's alone.


def _connect(policy: ConnectPolicy) -> Connect:
    face: Connect = import_module("services.providers.gmail.connect").GmailConnect(policy)
    return face


def _send(policy: ConnectPolicy) -> Send:
    face: Send = import_module("services.providers.gmail.send").GmailSend(policy)
    return face


def _sync(policy: ConnectPolicy) -> Sync:
    face: Sync = import_module("services.providers.gmail.sync").GmailSync(policy)
    return face


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
