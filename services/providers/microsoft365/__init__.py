"""The Microsoft 365 client over Graph: so far it connects mailboxes; sending and reading are not in this release."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, ConnectPolicy

if TYPE_CHECKING:
    from services.providers.protocols import Connect


def _connect(policy: ConnectPolicy) -> Connect:
    face: Connect = import_module("services.providers.microsoft365.connect").Microsoft365Connect(policy)
    return face


CLIENT = Client(
    capabilities=Capabilities(
        client="microsoft365",
        title="Microsoft 365",
        files_sent_copy=True,
        indexes_mailbox=True,
        oauth=True,
        sends_per_minute=30,  # Exchange Online's "message rate limit"
    ),
    connect=_connect,
)
