"""Cursors come back as they went out, and anything else is refused with a remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.paging import decode_cursor, encode_cursor
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
