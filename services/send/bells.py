"""Wakes who waits for a team's messages, in this process; others are told by `ring`'s second hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Bells:
    """One per team for as long as somebody waits. `tell_others` carries each ring to the other replicas."""

    def __init__(self, tell_others: Callable[[str], None]) -> None:
        self._tell_others = tell_others
        self._waiting: dict[str, asyncio.Event] = {}

    def of(self, team: str) -> asyncio.Event:
        """Ask for it before looking: what comes after the look rings it."""
        return self._waiting.setdefault(team, asyncio.Event())

    def ring(self, team: str) -> None:
        """There is something for this team."""
        self.ring_here(team)
        self._tell_others(team)

    def ring_here(self, team: str) -> None:
        bell = self._waiting.pop(team, None)
        if bell is not None:
            bell.set()

    def ring_all(self) -> None:
        """The process ends: nobody is kept waiting."""
        for team in tuple(self._waiting):
            self.ring_here(team)
