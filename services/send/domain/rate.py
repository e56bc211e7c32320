"""The token bucket of one mailbox: how many messages may leave now, and when the next one may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """`per_minute` 0 is no limit. It holds at most one minute's worth, so that a burst keeps the provider's limit."""

    per_minute: int
    tokens: float
    at: datetime

    def at_rate(self, per_minute: int, now: datetime) -> Bucket:
        """The same under another limit: what is in it stays, as far as it still fits."""
        if per_minute == self.per_minute:
            return self
        if not self.per_minute:
            return Bucket.full(per_minute, now)
        return Bucket(per_minute, min(self.filled(now).tokens, float(per_minute)), now)

    @classmethod
    def full(cls, per_minute: int, now: datetime) -> Bucket:
        return cls(per_minute, float(per_minute), now)

    def filled(self, now: datetime) -> Bucket:
        """With what came in since; a clock that went back brings nothing."""
        passed = max(0.0, (now - self.at).total_seconds())
        return Bucket(self.per_minute, min(float(self.per_minute), self.tokens + passed * self.per_minute / 60), now)

    def take(self, wanted: int, now: datetime) -> tuple[int, Bucket]:
        """How many of `wanted` may go now, and the bucket after them."""
        if not self.per_minute:
            return wanted, self
        filled = self.filled(now)
        taken = min(wanted, int(filled.tokens))
        return taken, Bucket(self.per_minute, filled.tokens - taken, now)

    def next_at(self, now: datetime) -> datetime:
        """When one more may go."""
        if not self.per_minute:
            return now
        filled = self.filled(now)
        if filled.tokens >= 1:
            return now
        return now + timedelta(seconds=(1 - filled.tokens) * 60 / self.per_minute)


def lowest(*limits: object) -> int:
    """Of limits a minute from several hands, the one that keeps them all; what is no positive number limits nothing."""
    stated = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    return min(stated, default=0)
