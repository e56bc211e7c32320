"""The team's API keys that may take messages, as auth knows them."""

from __future__ import annotations

from collections.abc import Sequence

from replywire_contracts.v1.rpc import KeyInfo, KeyList, ListKeys

from services.runtime.rpc import RpcClient
from services.send.domain.setup import SCOPE


class WorkingKeys:
    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc

    async def working(self, team: str) -> Sequence[KeyInfo]:
        found: KeyList = await self._rpc.call(ListKeys(team_id=team, scope=SCOPE))
        return found.keys
