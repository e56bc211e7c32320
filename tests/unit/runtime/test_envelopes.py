"""The sealed box opens for its owner under its ring's key, and for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.envelopes import BoxUnopenable, Owner, SealedBox, open_box, rewrap, seal
from services.runtime.key_ring import KeyUnknown
from tests.unit.auth.rings import ADA, ring_of

RING = ring_of("k1", "k1")
texts = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8)


@given(st.binary(max_size=2000))
def test_what_was_sealed_is_what_opens(secret: bytes) -> None:
    assert open_box(RING, ADA, seal(RING, ADA, secret)) == secret


@given(texts, texts, texts, texts)
def test_a_box_opens_for_no_other_account_or_team(team: str, account: str, team2: str, account2: str) -> None:
    owner, other = Owner(team, account), Owner(team2, account2)
    box = seal(RING, owner, b"secret")
    if owner == other:
        assert open_box(RING, other, box) == b"secret"
    else:
        with pytest.raises(BoxUnopenable):
            open_box(RING, other, box)


def test_the_inner_box_of_one_account_under_the_key_of_another_does_not_open() -> None:
    """Half a move: the thief may rewrite which key goes with which box."""
    other = Owner("acme", "acc_bob")
    mine, theirs = seal(RING, ADA, b"mine"), seal(RING, other, b"theirs")
    with pytest.raises(BoxUnopenable):
        open_box(RING, ADA, SealedBox("k1", mine.wrapped_key, theirs.sealed))
    with pytest.raises(BoxUnopenable):
        open_box(RING, ADA, SealedBox("k1", theirs.wrapped_key, mine.sealed))


@given(st.data())
def test_no_altered_octet_goes_unnoticed(data: st.DataObject) -> None:
    box = seal(RING, ADA, b"secret")
    wrapped, sealed = bytearray(box.wrapped_key), bytearray(box.sealed)
    part = data.draw(st.sampled_from([wrapped, sealed]))
    place = data.draw(st.integers(0, len(part) - 1))
    part[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises((BoxUnopenable, KeyUnknown)):
        open_box(RING, ADA, SealedBox(box.key_id, bytes(wrapped), bytes(sealed)))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_rubbish_is_refused_and_never_crashes(wrapped: bytes, sealed: bytes) -> None:
    with pytest.raises((BoxUnopenable, KeyUnknown)):
        open_box(RING, ADA, SealedBox("k1", wrapped, sealed))


def test_every_box_has_a_key_of_its_own() -> None:
    one, two = seal(RING, ADA, b"secret"), seal(RING, ADA, b"secret")
    assert one.sealed != two.sealed
    with pytest.raises(BoxUnopenable):
        open_box(RING, ADA, SealedBox("k1", one.wrapped_key, two.sealed))


def test_rewrapping_leaves_the_secret_sealed_as_it_was_and_needs_the_old_key_no_more() -> None:
    box = seal(RING, ADA, b"secret")
    moved = rewrap(ring_of("k2", "k1", "k2"), ADA, box)
    assert (moved.key_id, moved.sealed) == ("k2", box.sealed)
    assert open_box(ring_of("k2", "k2"), ADA, moved) == b"secret"
    with pytest.raises(KeyUnknown, match="k2"):
        open_box(RING, ADA, moved)


def test_a_box_cannot_be_rewrapped_for_somebody_else() -> None:
    with pytest.raises(BoxUnopenable):
        rewrap(RING, Owner("acme", "acc_bob"), seal(RING, ADA, b"secret"))


def test_a_box_shows_nothing_of_itself() -> None:
    box = seal(RING, ADA, b"hunter2-hunter2")
    assert b"hunter2" not in box.sealed + box.wrapped_key
    assert "\\x" not in repr(box)
    assert "keys" not in repr(RING)
