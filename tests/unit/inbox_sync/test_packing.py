"""Packing into judge requests, and places as text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inbox_sync.domain import refs
from services.inbox_sync.domain.packing import batches
from services.providers.types import HeaderSet, MessageRef


def header(number: int, size: int) -> HeaderSet:
    return HeaderSet(MessageRef("INBOX", str(number)), b"x" * size, datetime(2026, 1, 1, tzinfo=UTC))


@given(st.lists(st.integers(min_value=0, max_value=90), max_size=60))
def test_batches_keep_order_and_limits_and_lose_nothing(sizes: list[int]) -> None:
    headers = [header(number, size) for number, size in enumerate(sizes)]
    packed = list(batches(headers, max_messages=7, max_octets=100))
    assert [h for batch in packed for h in batch] == headers
    for batch in packed:
        assert 1 <= len(batch) <= 7
        assert len(batch) == 1 or sum(len(h.block) for h in batch) <= 100


def test_a_page_of_five_hundred_small_ones_is_one_request() -> None:
    assert len(list(batches([header(n, 600) for n in range(500)]))) == 1


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_place_survives_being_written(folder: str, key: str) -> None:
    ref = MessageRef(folder, key)
    assert refs.read(refs.written(ref)) == ref


def test_what_is_no_place_is_refused() -> None:
    with pytest.raises(ValueError, match="place"):
        refs.read("INBOX")


def test_a_folder_with_an_endless_name_still_fits_an_event() -> None:
    assert len(refs.written(MessageRef("ü" * 500, "1" * 40))) <= 1024
