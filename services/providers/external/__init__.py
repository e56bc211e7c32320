"""The External client: the customer's own code takes each message over the public API, sends it and reports.

There is no mailbox to log in to, so nothing is submitted or read from here: `send` keeps the queue that their code
takes from, and `inbox_sync` judges what it reports.
"""

from __future__ import annotations

from services.providers.capabilities import Capabilities
from services.providers.external.connect import ExternalConnect
from services.providers.protocols import Client

CLIENT = Client(
    capabilities=Capabilities(
        client="external",
        title="External e-mail client",
        syncs=False,
        files_sent_copy=True,
        handed_out=True,
    ),
    connect=lambda policy: ExternalConnect(),
)
