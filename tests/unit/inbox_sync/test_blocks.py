"""Of a reported message only the judged fields are looked at, whole, and never more than there is room for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inbox_sync.domain.blocks import MOST_OCTETS, block_of, head_of, judged_block


def test_only_judged_fields_are_kept_with_their_folded_lines() -> None:
    head = b"Received: from a\r\n by b\r\nReferences: <a@x>\r\n\t<b@x>\r\nX-Secret: no\r\nSubject: =?utf-8?q?hi?=\r\n"
    assert judged_block(head) == b"References: <a@x>\r\n\t<b@x>\r\nSubject: =?utf-8?q?hi?=\r\n"


def test_bare_line_feeds_end_lines_and_the_head() -> None:
    assert head_of(b"Subject: a\nFrom: b\n\nTo: c\n") == b"Subject: a\nFrom: b"
    assert judged_block(b"Subject: a\nFrom: b") == b"Subject: a\r\nFrom: b\r\n"


def test_a_body_that_looks_like_headers_is_not_read() -> None:
    assert b"forged" not in judged_block(head_of(b"Subject: a\r\n\r\nIn-Reply-To: <forged@x>\r\n"))


def test_an_endless_header_is_cut_at_a_fields_end() -> None:
    block = judged_block(b"Subject: a\r\n" + b"To: " + b"b" * MOST_OCTETS + b"\r\nFrom: c\r\n")
    assert block == b"Subject: a\r\n"


@pytest.mark.parametrize("field", [("Subject", "a\r\nBcc: b"), ("Subject", "a\0"), ("Bcc: x\r\nTo", "b"), ("a:b", "c")])
def test_a_field_that_hides_another_is_refused_by_its_place(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"headers\[1\]"):
        block_of([("From", "a@example.org"), field])


@given(st.binary(max_size=4000))
def test_whatever_comes_gives_a_block_of_judged_fields(raw: bytes) -> None:
    block = judged_block(head_of(raw))
    assert len(block) <= MOST_OCTETS
    assert judged_block(block) == block
