"""A box opens for the one it was sealed to, for what it was sealed for, and unharmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.sealing import CannotOpen, ReplyKey, seal_to

KEY = ReplyKey()


@given(st.binary(max_size=2000), st.binary(max_size=50))
def test_what_was_sealed_is_what_is_opened(plain: bytes, associated: bytes) -> None:
    assert KEY.open(seal_to(KEY.public, plain, associated), associated) == plain


def test_another_key_cannot_open_it() -> None:
    with pytest.raises(CannotOpen):
        ReplyKey().open(seal_to(KEY.public, b"secret", b"acc_1"), b"acc_1")


def test_a_box_moved_to_another_account_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        KEY.open(seal_to(KEY.public, b"secret", b"acc_1"), b"acc_2")


@given(st.integers(min_value=0))
def test_a_changed_or_cut_box_does_not_open(place: int) -> None:
    box = bytearray(seal_to(KEY.public, b"secret", b"acc_1"))
    box[place % len(box)] ^= 1
    for broken in (bytes(box), bytes(box[: place % len(box)])):
        with pytest.raises(CannotOpen):
            KEY.open(broken, b"acc_1")


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert seal_to(KEY.public, b"secret", b"") != seal_to(KEY.public, b"secret", b"")
