"""How often one API key may ask this process: a bucket of tokens per key, told in the headers of the IETF's draft
(draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy`, `RateLimit`) and in `Retry-After`. Pure.

Kept per process and nowhere else: it protects a process from one caller's loop, and a write to a database per request
would cost more than what it protects. With N replicas behind a front door a key may thus ask up to N times as often.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`quota` requests in each `window` seconds; both may be used at once, and come back evenly."""

    name: str
    quota: int
    window: int

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.quota};w={self.window}'


@dataclass(frozen=True, slots=True)
class Standing:
    """`remaining` requests may follow at once; the whole quota is there again in `reset` seconds. `retry_after`: the
    seconds to wait before the next, None where this one may pass."""

    remaining: int
    reset: int
    retry_after: int | None = None

    def headers(self, limit: RateLimit) -> dict[str, str]:
        told = {"RateLimit-Policy": limit.policy, "RateLimit": f'"{limit.name}";r={self.remaining};t={self.reset}'}
        return told if self.retry_after is None else {**told, "Retry-After": str(self.retry_after)}


class RateLimiter:
    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._per_second = limit.quota / limit.window
        self._buckets: dict[str, tuple[float, float]] = {}
        """By key: tokens, and when there were so many."""

    def take(self, key: str, now: float) -> Standing:
        """`now`: seconds of a clock that never goes back."""
        tokens, at = self._buckets.get(key, (float(self.limit.quota), now))
        tokens = min(self.limit.quota, tokens + (now - at) * self._per_second)
        passes = tokens >= 1
        tokens -= passes
        if key not in self._buckets and len(self._buckets) >= _MOST_BUCKETS:
            self._forget_full(now)
        self._buckets[key] = (tokens, now)
        reset = math.ceil((self.limit.quota - tokens) / self._per_second)
        wait = None if passes else max(1, math.ceil((1 - tokens) / self._per_second))
        return Standing(int(tokens), reset, wait)

    def _forget_full(self, now: float) -> None:
        """A full bucket is no different from none."""
        full_after = self.limit.window
        self._buckets = {key: held for key, held in self._buckets.items() if now - held[1] < full_after}
        if len(self._buckets) >= _MOST_BUCKETS:
            self._buckets.clear()
