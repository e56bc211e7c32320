"""auth's face of the in-memory client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.providers.errors import Permanent, ReauthRequired
from services.providers.memory.login import log_in
from services.providers.memory.world import Step, World
from services.providers.types import Proof


class MemoryConnect:
    def __init__(self, world: World) -> None:
        self._world = world

    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        await self._world.reach(Step.PROVE)
        try:
            log_in(self._world, address, secret)
        except ReauthRequired as refused:
            words = f"The memory server said: {refused.code} {refused.words}"
            raise Permanent(refused.reason, words=words, code=refused.code, remedy=refused.remedy) from None
        return Proof(address, {**settings, "sent_folder": "Sent"}, ("idle", "sent_folder"))
