"""The Microsoft 365 client over Graph: so far it connects mailboxes; sending and reading are not in this release."""

from __future__ import annotations

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, Connect, ConnectPolicy


def _connect(policy: ConnectPolicy) -> Connect:
    from services.providers.microsoft365.connect import Microsoft365Connect

    return Microsoft365Connect(policy)


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
