"""Cursors come back as they went out, and anything else is refused with a remedy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.runtime.paging import after_time, decode_cursor, encode_cursor
from services.runtime.parameters import Instant
from services.runtime.problems import HttpProblem

PLACES = st.dictionaries(st.text(max_size=10), st.text() | st.integers() | st.none(), max_size=4)


@given(PLACES)
def test_a_cursor_comes_back_as_it_went_out(place: dict[str, str | int | None]) -> None:
    assert decode_cursor(encode_cursor(dict(place))) == place


@pytest.mark.parametrize("cursor", ["", "x", "bm90IGpzb24", "WzFd", "ééé", "A" * 4001])
def test_anything_else_is_refused_with_a_remedy(cursor: str) -> None:
    with pytest.raises(HttpProblem) as raised:
        decode_cursor(cursor)
    assert raised.value.status == 400
    assert "next" in raised.value.remedy


EDGES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


def test_a_place_in_time_comes_back_in_utc() -> None:
    assert after_time(None) is None
    cursor = encode_cursor({"at": "2026-01-31T10:00:00+01:00", "id": "acme:r-1"})
    assert after_time(cursor) == (datetime(2026, 1, 31, 9, tzinfo=UTC), "acme:r-1")


@pytest.mark.parametrize("at", [*EDGES, "2026-01-31T09:00:00", "soon", None, 7])
def test_a_place_at_no_time_is_refused(at: str | int | None) -> None:
    with pytest.raises(HttpProblem) as raised:
        after_time(encode_cursor({"at": at, "id": "acme:r-1"}))
    assert (raised.value.status, raised.value.field) == (400, "cursor")


@pytest.mark.parametrize("key", ["\ud800", "a\x00b", None, 7])
def test_a_place_after_no_id_is_refused(key: str | int | None) -> None:
    with pytest.raises(HttpProblem):
        after_time(encode_cursor({"at": "2026-01-31T09:00:00Z", "id": key}))


@pytest.mark.parametrize("text", EDGES)
def test_a_time_that_utc_has_no_year_for_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(ValidationError, match="give one within them"):
        TypeAdapter(Instant).validate_python(text)


def test_a_time_is_in_utc_once_it_is_read() -> None:
    assert TypeAdapter(Instant).validate_python("0001-01-01T00:00:00-14:00").tzinfo is UTC
