"""Backoff, rate, breaker: whatever the clock and the provider say, no time is kept too short and none is endless."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.send.domain.backoff import LONGEST_RETRY_AFTER, Backoff
from services.send.domain.breaker import Breakers
from services.send.domain.rate import Bucket
from tests.unit.send.messages import NOW

MINUTES = [1, 2, 5, 15, 30, 60, 60, 60]


def test_the_pauses_grow_to_an_hour() -> None:
    backoff = Backoff()
    assert [backoff.pause(attempts) / timedelta(minutes=1) for attempts in range(1, 9)] == MINUTES


def test_patience_ends_after_a_day_of_trying() -> None:
    backoff = Backoff()
    nearly = NOW + timedelta(hours=24) - timedelta(seconds=1)
    assert backoff.next_try(30, NOW, nearly) == nearly + timedelta(hours=1)
    assert backoff.next_try(30, NOW, NOW + timedelta(hours=24)) is None


@given(st.timedeltas(), st.integers(min_value=0, max_value=100))
def test_a_named_time_is_kept_exactly_but_for_absurd_ones(retry_after: timedelta, attempts: int) -> None:
    again = Backoff().next_try(attempts, NOW, NOW, retry_after)
    assert again is not None
    assert again - NOW == min(max(retry_after, timedelta(0)), LONGEST_RETRY_AFTER)


@given(
    st.integers(min_value=1, max_value=600),
    st.lists(st.tuples(st.integers(min_value=0, max_value=50), st.floats(min_value=0, max_value=30)), max_size=40),
)
def test_no_minute_takes_more_than_its_burst_and_its_flow(per_minute: int, steps: list[tuple[int, float]]) -> None:
    bucket, now = Bucket.full(per_minute, NOW), NOW
    taken: list[tuple[float, int]] = []
    for wanted, passes in steps:
        now += timedelta(seconds=passes)
        got, bucket = bucket.take(wanted, now)
        assert 0 <= got <= wanted
        taken.append(((now - NOW).total_seconds(), got))
    for start, _ in taken:
        within = sum(got for at, got in taken if start <= at <= start + 60)
        assert within <= 2 * per_minute + 1


@given(st.integers(min_value=1, max_value=600), st.floats(min_value=0, max_value=1))
def test_one_more_may_go_when_the_bucket_says_so(per_minute: int, tokens: float) -> None:
    bucket = Bucket(per_minute, tokens, NOW)
    then = bucket.next_at(NOW) + timedelta(milliseconds=1)
    assert bucket.take(1, then)[0] == 1


def test_a_clock_that_goes_back_fills_nothing() -> None:
    assert Bucket(60, 0.0, NOW).take(1, NOW - timedelta(hours=1))[0] == 0


def test_without_a_rate_everything_goes() -> None:
    assert Bucket.full(0, NOW).take(1000, NOW)[0] == 1000


def test_while_a_host_is_away_nobody_knocks_and_then_one_does() -> None:
    breakers = Breakers()
    assert breakers.closed_until("mx.example.com", NOW) is None
    until = breakers.failed("mx.example.com", NOW, None)
    assert until > NOW
    assert breakers.closed_until("mx.example.com", NOW) == until
    assert breakers.closed_until("other.example.com", NOW) is None
    assert breakers.closed_until("mx.example.com", until) is None, "the first one after it may knock"
    assert breakers.closed_until("mx.example.com", until) is not None, "and the others wait for what he finds"
    breakers.worked("mx.example.com")
    assert breakers.closed_until("mx.example.com", until) is None


def test_a_host_that_stays_away_is_left_longer_and_its_own_time_is_kept() -> None:
    breakers = Breakers()
    first = breakers.failed("h", NOW, None) - NOW
    second = breakers.failed("h", NOW + first, None) - (NOW + first)
    assert second > first
    later = NOW + timedelta(hours=1)
    assert breakers.failed("h", later, timedelta(minutes=7)) == later + timedelta(minutes=7)
