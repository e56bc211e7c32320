"""auth's face of the Gmail client: proves both of Google's servers with an access token, which is OAuth's affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.providers.both_ways import BothWays
from services.providers.errors import ProviderError
from services.providers.gmail import errors, folders
from services.providers.gmail.settings import read_settings, servers_of
from services.providers.imap.folders import find
from services.providers.protocols import ConnectPolicy
from services.providers.types import FolderRole, Proof


class GmailConnect:
    """Conforms to `protocols.Connect`. `budget`: seconds for both logins together."""

    def __init__(self, policy: ConnectPolicy, *, budget: float = 15.0) -> None:
        self._policy = policy
        self._both = BothWays(policy, budget=budget)

    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        read, servers = read_settings(settings), servers_of(address, self._policy)
        try:
            proven = await self._both.prove(address, servers.smtp, servers.imap, secret)
        except ProviderError as error:
            raise errors.of_connecting(error) from error
        listed = proven.imap.folders
        sent = find(FolderRole.SENT, listed)
        abilities = (
            *proven.abilities,
            *(("thread_ids",) if "X-GM-EXT-1" in proven.imap.capabilities else ()),
            *(("all_mail",) if folders.all_mail(listed) else ()),
            *(("sent_folder",) if sent else ()),
        )
        completed = {
            **settings,
            **read.model_dump(mode="json"),
            **servers.told(),
            "sent_folder": sent.name if sent else None,
        }
        return Proof(address, completed, abilities)
