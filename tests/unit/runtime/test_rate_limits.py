"""A key may ask as often as the headers say, and no more often, whenever it asks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.rate_limits import RateLimit, RateLimiter

LIMIT = RateLimit("send", quota=10, window=5)
PAUSES = st.lists(st.floats(0, 3), min_size=1, max_size=200)


@given(PAUSES)
def test_no_window_sees_more_than_twice_the_quota(pauses: list[float]) -> None:
    """The bucket that was full at its start, and what came back meanwhile."""
    limiter, now = RateLimiter(LIMIT), 0.0
    passed = []
    for pause in pauses:
        now += pause
        if limiter.take("key", now).retry_after is None:
            passed.append(now)
    for start in passed:
        assert len([at for at in passed if start <= at < start + LIMIT.window]) <= 2 * LIMIT.quota


@given(PAUSES)
def test_who_waits_as_told_passes(pauses: list[float]) -> None:
    limiter, now = RateLimiter(LIMIT), 0.0
    for pause in pauses:
        now += pause / 20
        standing = limiter.take("key", now)
        if standing.retry_after is not None:
            now += standing.retry_after
            assert limiter.take("key", now).retry_after is None


@given(PAUSES)
def test_what_is_said_to_remain_may_be_used_at_once(pauses: list[float]) -> None:
    limiter, now = RateLimiter(LIMIT), 0.0
    for pause in pauses[:20]:
        now += pause
        remaining = limiter.take("key", now).remaining
        for _ in range(remaining):
            assert limiter.take("key", now).retry_after is None
        assert limiter.take("key", now).retry_after is not None


def test_keys_do_not_use_each_others_up() -> None:
    limiter = RateLimiter(LIMIT)
    for _ in range(11):
        last = limiter.take("one", 0)
    assert last.retry_after is not None
    assert limiter.take("other", 0).remaining == 9


def test_the_headers_are_the_drafts() -> None:
    limiter = RateLimiter(LIMIT)
    assert limiter.take("key", 0).headers(LIMIT) == {
        "RateLimit-Policy": '"send";q=10;w=5',
        "RateLimit": '"send";r=9;t=1',
    }
    for _ in range(9):
        limiter.take("key", 0)
    refused = limiter.take("key", 0).headers(LIMIT)
    assert (refused["Retry-After"], refused["RateLimit"]) == ("1", '"send";r=0;t=5')


def test_no_crowd_of_keys_fills_the_memory() -> None:
    limiter = RateLimiter(LIMIT)
    for number in range(25_000):
        limiter.take(f"key {number}", number / 1000)
    assert len(limiter._buckets) <= 10_000
