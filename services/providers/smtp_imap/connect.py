"""auth's face of the SMTP/IMAP client: proves both servers, unless another client is the right one for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.providers.both_ways import BothWays
from services.providers.endpoint import Endpoint
from services.providers.errors import Permanent
from services.providers.imap import folders
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.known_hosts import better_client
from services.providers.smtp_imap.settings import read_settings
from services.providers.types import Proof


class SmtpImapConnect:
    """Conforms to `protocols.Connect`. `budget`: seconds for both logins together."""

    def __init__(self, policy: ConnectPolicy, *, budget: float = 15.0) -> None:
        self._policy = policy
        self._both = BothWays(policy, budget=budget)

    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        read = read_settings(settings)
        for endpoint in (read.smtp, read.imap):
            self._require_right_client(endpoint)
        proven = await self._both.prove(address, read.smtp, read.imap, secret)
        # None where there is no such folder: the person has to choose one, for none is created.
        sent = folders.find_sent(proven.imap.folders, read.sent_folder)
        completed = {**settings, **read.model_dump(mode="json"), "sent_folder": sent.name if sent else None}
        return Proof(address, completed, (*proven.abilities, *(("sent_folder",) if sent else ())))

    def _require_right_client(self, endpoint: Endpoint) -> None:
        better = better_client(endpoint.host, self._policy)
        if better is not None:
            raise Permanent(
                "other_client",
                words=f"{endpoint.host} belongs to {better.provider}: {better.why}",
                remedy=f"Connect this mailbox as {better.title} instead.",
            )
