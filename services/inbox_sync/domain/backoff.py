"""How long to stay away after a failure: exponential with full jitter, so that a provider's restart is not stampeded.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("full jitter").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` is the ceiling of the first delay; every further failure doubles it up to `most`."""

    first: timedelta = timedelta(seconds=1)
    most: timedelta = timedelta(minutes=5)

    def delay(self, failures: int, draw: Callable[[], float], asked: timedelta | None = None) -> float:
        """Seconds to wait after the `failures`-th failure in a row (from 1). `draw` gives 0 ≤ x < 1. `asked` is the
        provider's own Retry-After: kept in full, with a little jitter on top."""
        doublings = min(max(failures, 1) - 1, 32)
        ceiling: float = min(self.most.total_seconds(), self.first.total_seconds() * 2**doublings)
        jittered = draw() * ceiling
        if asked is None:
            return jittered
        return max(0.0, asked.total_seconds()) + min(jittered, self.first.total_seconds())
