"""A gate per mail host: so many connections opened at once, so many a second, none while it asked for peace.

A restart with a thousand mailboxes at one provider would look like an attack without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Gate:
    places: asyncio.Semaphore
    next_opening: float = 0.0
    users: int = field(default=0)


class Gates:
    def __init__(self, at_once: int, per_second: float) -> None:
        self._at_once = at_once
        self._spacing = 1.0 / per_second
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def passage(self, host: str) -> AsyncIterator[None]:
        """Held while a connection to `host` is being opened."""
        gate = self._gates.setdefault(host, _Gate(asyncio.Semaphore(self._at_once)))
        gate.users += 1
        try:
            async with gate.places:
                await self._turn(gate)
                yield
        finally:
            gate.users -= 1
            self._clear_away(host, gate)

    def close_for(self, host: str, seconds: float) -> None:
        """The host itself asked for peace (421, too many connections, Retry-After): nobody knocks before then."""
        gate = self._gates.setdefault(host, _Gate(asyncio.Semaphore(self._at_once)))
        gate.next_opening = max(gate.next_opening, asyncio.get_running_loop().time() + seconds)

    async def _turn(self, gate: _Gate) -> None:
        now = asyncio.get_running_loop().time()
        opening = max(now, gate.next_opening)
        gate.next_opening = opening + self._spacing
        if opening > now:
            await asyncio.sleep(opening - now)

    def _clear_away(self, host: str, gate: _Gate) -> None:
        if not gate.users and gate.next_opening <= asyncio.get_running_loop().time():
            self._gates.pop(host, None)
