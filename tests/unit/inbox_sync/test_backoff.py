"""Backoff: bounded, jittered over the whole range, and the provider's own word is kept."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.inbox_sync.domain.backoff import Backoff
from services.inbox_sync.domain.windows import ask_again, host_of, safety_poll

BACKOFF = Backoff(first=timedelta(seconds=1), most=timedelta(seconds=60))


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_delay_is_within_its_ceiling(failures: int, drawn: float) -> None:
    delay = BACKOFF.delay(failures, lambda: drawn)
    assert 0 <= delay <= min(60, 2 ** min(failures - 1, 10))


def test_the_ceiling_doubles_until_it_is_reached() -> None:
    assert [BACKOFF.delay(n, lambda: 1.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_full_jitter_may_draw_nothing_at_all() -> None:
    assert BACKOFF.delay(8, lambda: 0.0) == 0


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_retry_after_is_kept_in_full(drawn: float) -> None:
    assert 90 <= BACKOFF.delay(5, lambda: drawn, timedelta(seconds=90)) <= 91


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_safety_polls_are_spread_around_their_period(drawn: float) -> None:
    assert 80 <= safety_poll(timedelta(seconds=100), lambda: drawn) <= 120


def test_an_unconfirmed_find_is_asked_about_ever_more_rarely() -> None:
    waits = [ask_again(n).total_seconds() for n in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[-1] == 600


def test_gates_are_those_of_the_host_that_a_person_named() -> None:
    assert host_of("smtp_imap", {"imap": {"host": "IMAP.Example.com"}}) == "imap.example.com"
    assert host_of("gmail", {}) == "gmail"
