"""What the External client of a team still lacks, as `send` knows it."""

from __future__ import annotations

from collections.abc import Callable

from replywire_contracts.event import Request
from replywire_contracts.v1.rpc import ChooseExternalDelivery, ExternalSetup, ExternalSetupState, ProveExternal

from services.auth.domain.refusals import Conflict
from services.runtime.rpc import RpcClient, RpcRefused

_SECONDS = 1.5
"""A person waits for the page that shows it."""


class RpcExternalSetup:
    def __init__(self, rpc: Callable[[], RpcClient]) -> None:
        self._rpc = rpc

    async def missing(self, team_id: str) -> tuple[str, ...]:
        """Sentences, for the admin; none where External may be offered. Raises `RpcUnavailable`, `RpcRefused`."""
        return tuple(step.words for step in (await self.state(team_id)).missing)

    async def state(self, team_id: str) -> ExternalSetupState:
        return await self._ask(ExternalSetup(team_id=team_id))

    async def choose(self, team_id: str, delivery: str, by: str) -> ExternalSetupState:
        return await self._ask(ChooseExternalDelivery(team_id=team_id, delivery=delivery, by=by))

    async def prove(self, team_id: str, sender: str, recipient: str) -> ExternalSetupState:
        return await self._ask(ProveExternal(team_id=team_id, sender=sender, recipient=recipient))

    async def _ask(self, request: Request) -> ExternalSetupState:
        try:
            state: ExternalSetupState = await self._rpc().call(request, timeout=_SECONDS)
        except RpcRefused as refused:
            raise Conflict(refused.code, refused.detail, remedy="Correct it and try again.") from refused
        return state
