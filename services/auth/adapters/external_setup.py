"""What the External client of a team still lacks, as `send` knows it."""

from __future__ import annotations

from collections.abc import Callable

from replywire_contracts.v1.rpc import ExternalSetup, ExternalSetupState

from services.runtime.rpc import RpcClient


_SECONDS = 1.5
"""A person waits for the page that shows it."""


class RpcExternalSetup:
    def __init__(self, rpc: Callable[[], RpcClient]) -> None:
        self._rpc = rpc

    async def missing(self, team_id: str) -> tuple[str, ...]:
        """Sentences, for the admin; none where External may be offered. Raises `RpcUnavailable`, `RpcRefused`."""
        state: ExternalSetupState = await self._rpc().call(ExternalSetup(team_id=team_id), timeout=_SECONDS)
        return tuple(step.words for step in state.missing)
