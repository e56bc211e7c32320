"""The clients' sending faces, one object each for the whole process, made when first needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.providers import registry
from services.providers.capabilities import Capabilities
from services.providers.protocols import ConnectPolicy, Send


class Senders:
    def __init__(self, policy: ConnectPolicy) -> None:
        self._policy = policy
        self._made: dict[str, Send] = {}
        self._used: dict[str, tuple[str, int]] = {}

    def capabilities(self, client: str) -> Capabilities:
        """Raises `LookupError` naming the known clients."""
        return registry.client(client).capabilities

    def hands_out(self, client: str) -> bool:
        """Whether the customer's own code sends, so that nothing is submitted from here."""
        try:
            return self.capabilities(client).handed_out
        except LookupError:
            return False

    def of(self, client: str) -> Send:
        """Raises `LookupError` where no such client can send from here."""
        made = self._made.get(client)
        if made is None:
            make = registry.client(client).send
            if make is None:
                raise LookupError(f"the e-mail client {client!r} does not send through this service")
            made = self._made[client] = make(self._policy)
        return made

    async def of_revision(self, client: str, account: str, revision: int) -> Send:
        """The same; connections opened with an older revision's credentials are closed first."""
        sender = self.of(client)
        before = self._used.get(account)
        if before is not None and before != (client, revision):
            await sender.forget(account)
        self._used[account] = (client, revision)
        return sender

    async def forget(self, account: str) -> None:
        used = self._used.pop(account, None)
        if used is not None:
            await self.of(used[0]).forget(account)

    async def close(self) -> None:
        for sender in self._made.values():
            await sender.close()


def host_of(client: str, settings: Mapping[str, Any]) -> str:
    """What a host-wide refusal is about: the server named in the settings, else the client's one API."""
    named = settings.get("smtp")
    return str(named.get("host", client)).lower() if isinstance(named, Mapping) else client
