"""When a deferred message is tried again: 1, 2, 5, 15, 30, 60 minutes, then hourly, for 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_RETRY_AFTER = timedelta(hours=24)
"""A provider that names more is read as this much: year 9999 must not park a mailbox for ever."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """`steps`: the pause after the first, second, … attempt; the last one repeats. `patience`: the whole of it.
    `mailbox_rest`: for a mailbox-wide refusal that names no time."""

    steps: tuple[timedelta, ...] = tuple(timedelta(minutes=m) for m in (1, 2, 5, 15, 30, 60))
    patience: timedelta = timedelta(hours=24)
    mailbox_rest: timedelta = timedelta(minutes=5)

    def pause(self, attempts: int) -> timedelta:
        """How long after attempt number `attempts` (from 1)."""
        return self.steps[min(max(attempts, 1), len(self.steps)) - 1]

    def next_try(
        self, attempts: int, trying_since: datetime, now: datetime, retry_after: timedelta | None = None
    ) -> datetime | None:
        """When to try again; None: patience has ended. A time the provider named is kept exactly."""
        pause = (
            self.pause(attempts) if retry_after is None else min(max(retry_after, timedelta(0)), LONGEST_RETRY_AFTER)
        )
        return None if now - trying_since >= self.patience else now + pause
