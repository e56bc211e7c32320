"""The breaker of one host: while it is open nobody knocks; when its time is over, one knocks for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS = tuple(timedelta(seconds=s) for s in (15, 30, 60, 120, 300))


@dataclass(slots=True)
class _Open:
    until: datetime
    failures: int


class Breakers:
    """Of one process: each replica finds out by itself that a host is away."""

    def __init__(self, steps: Sequence[timedelta] = STEPS) -> None:
        """`steps`: how long after the first, second, … failure in a row; the last one repeats."""
        self._steps = steps
        self._open: dict[str, _Open] = {}

    def closed_until(self, host: str, now: datetime) -> datetime | None:
        """None: go on. Else when to ask again. The first to ask after the time is over goes on, alone."""
        state = self._open.get(host)
        if state is None:
            return None
        if state.until > now:
            return state.until
        state.until = now + self._steps[0]  # the others wait for what this one meets
        return None

    def failed(self, host: str, now: datetime, retry_after: timedelta | None) -> datetime:
        """The host turned somebody away: when to try again. A time it named is kept exactly."""
        state = self._open.setdefault(host, _Open(now, 0))
        state.failures += 1
        step = retry_after if retry_after is not None else self._steps[min(state.failures, len(self._steps)) - 1]
        state.until = max(state.until, now + step)
        return state.until

    def worked(self, host: str) -> None:
        self._open.pop(host, None)
