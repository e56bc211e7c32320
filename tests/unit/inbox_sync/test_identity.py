"""Which finds are the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.inbox_sync.domain.identity import find_id

BLOCK = b"Message-ID: <a@example.org>\r\nDate: Mon, 17 Nov 2025 10:00:00 +0000\r\nSubject: one\r\n\r\n"


def test_a_moved_copy_is_the_same_find() -> None:
    moved = b"Subject: one\r\nmessage-id:\r\n <a@example.org>\r\nDATE: Mon, 17 Nov 2025 10:00:00 +0000\r\n\r\n"
    assert find_id("account", BLOCK, b"one") == find_id("account", moved, b"another")


def test_a_repeated_message_id_with_another_date_is_another_find() -> None:
    assert find_id("account", BLOCK, b"") != find_id("account", BLOCK.replace(b"10:00", b"11:00"), b"")


def test_another_account_has_its_own_find() -> None:
    assert find_id("account", BLOCK, b"") != find_id("other", BLOCK, b"")


def test_messages_without_an_id_are_told_apart_by_their_octets() -> None:
    block = b"Subject: failure notice\r\n\r\n"
    assert find_id("account", block, b"one") != find_id("account", block, b"two")
    assert find_id("account", block, b"one") == find_id("account", block, b"one")


@given(st.binary(max_size=400), st.one_of(st.none(), st.binary(max_size=40)))
def test_any_block_has_an_identity(block: bytes, raw: bytes | None) -> None:
    assert len(find_id("account", block, raw)) == 32
