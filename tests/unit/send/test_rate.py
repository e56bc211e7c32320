"""A mailbox's bucket keeps the lowest of the limits that somebody stated, also when one changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.send.domain.rate import Bucket, lowest

_NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("limits", "kept"),
    [((30, 20), 20), ((30, None), 30), ((0, 20), 20), ((0, None), 0), ((30, "20"), 30), ((30, -1), 30)],
)
def test_the_lowest_limit_is_kept(limits: tuple[object, ...], kept: int) -> None:
    assert lowest(*limits) == kept


def test_a_limit_that_changes_gives_nothing_away() -> None:
    empty = Bucket(30, 0.0, _NOW)
    assert empty.at_rate(60, _NOW).take(10, _NOW)[0] == 0
    full = Bucket.full(30, _NOW)
    assert full.at_rate(5, _NOW).take(10, _NOW)[0] == 5
    assert full.at_rate(30, _NOW) is full


def test_a_first_limit_begins_with_a_full_bucket() -> None:
    unlimited = Bucket.full(0, _NOW)
    taken, left = unlimited.at_rate(5, _NOW).take(10, _NOW)
    assert taken == 5
    assert left.next_at(_NOW) == _NOW + timedelta(seconds=12)


def test_a_limit_that_is_lifted_holds_nobody_up() -> None:
    assert Bucket(5, 0.0, _NOW).at_rate(0, _NOW).take(10, _NOW)[0] == 10
