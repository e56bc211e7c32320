"""The Microsoft EWS client, for Exchange servers that people run themselves: so far it connects mailboxes; sending and
reading are not in this release.

Its faces are the sync engine's alone: `capabilities.engine` says that nobody else ever holds the credentials.
"""

from __future__ import annotations

from services.providers.capabilities import Capabilities
from services.providers.protocols import Client, Connect, ConnectPolicy


def _connect(policy: ConnectPolicy) -> Connect:
    from services.providers.ews.connect import EwsConnect

    return EwsConnect(policy)


CLIENT = Client(
    capabilities=Capabilities(
        client="ews",
        title="Microsoft Exchange (EWS)",
        files_sent_copy=True,
        indexes_mailbox=True,
        engine=True,
        calendars=True,
    ),
    connect=_connect,
)
