from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.imap import internaldate
from services.providers.imap.headers import MAX_BLOCK, read_headers
from services.providers.imap.tokens import Unreadable
from services.providers.types import MessageRef

DATE = b'"17-Jul-1996 02:44:25 -0700"'
BLOCK = b"Subject: one\r\n\r\n"
SECTION = b"BODY[HEADER.FIELDS (SUBJECT FROM)]"
USUAL = [b"* 12 FETCH (UID 4827 INTERNALDATE " + DATE + b" " + SECTION + b" {16}", BLOCK, b")"]


@pytest.mark.parametrize(
    "response",
    [
        USUAL,
        [b"* 12 FETCH (INTERNALDATE " + DATE + b" UID 4827 " + SECTION + b" {16}", BLOCK, b")"],
        [b"* 12 FETCH (" + SECTION + b" {16}", BLOCK, b" UID 4827 INTERNALDATE " + DATE + b")"],
        [b"* 12 FETCH (FLAGS (\\Seen) UID 4827 INTERNALDATE " + DATE + b" " + SECTION + b" {16}", BLOCK, b")"],
        [b"* 12 fetch (uid 4827 internaldate " + DATE + b" body[header.fields (subject from)] {16}", BLOCK, b")"],
        [b"* 12 FETCH (UID 4827 INTERNALDATE " + DATE + b" " + SECTION + b" {16}", BLOCK, b" FLAGS ())"],
    ],
)
def test_a_header_is_read_in_whatever_order_the_server_tells(response: list[bytes]) -> None:
    (found,) = read_headers([response], "INBOX", 7).items()
    uid, header = found
    assert (uid, header.ref, header.block) == (4827, MessageRef("INBOX", "7:4827"), BLOCK)
    assert header.received_at == datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)


@pytest.mark.parametrize("block", [b'""', b"NIL"])
def test_a_message_without_any_judged_field_is_not_lost(block: bytes) -> None:
    response = [b"* 1 FETCH (UID 3 INTERNALDATE " + DATE + b" " + SECTION + b" " + block + b")"]
    assert read_headers([response], "INBOX", 7)[3].block == b""


def test_what_is_no_header_is_passed_over() -> None:
    others = [[b"* 3 EXISTS"], [b"* 2 FETCH (FLAGS (\\Seen))"], [b"* 2 FETCH (UID 9 FLAGS (\\Seen))"], [b"* OK fine"]]
    assert list(read_headers([*others, USUAL], "INBOX", 7)) == [4827]


def test_a_date_that_nobody_can_read_hides_no_message() -> None:
    before = datetime.now(UTC)
    response = [b'* 1 FETCH (UID 3 INTERNALDATE "99-Foo-0000 99:99:99 +9999" ' + SECTION + b" {16}", BLOCK, b")"]
    assert read_headers([response], "INBOX", 7)[3].received_at >= before


@pytest.mark.parametrize("long", [b"References: " + b"\r\n <a@example.com>" * 9000, b"Subject: " + b"x" * 200_000])
def test_a_block_too_long_ends_where_a_field_ends(long: bytes) -> None:
    block = b"From: ann@example.com\r\n" + long + b"\r\nTo: bob@example.com\r\n\r\n"
    response = [b"* 1 FETCH (UID 3 INTERNALDATE " + DATE + b" " + SECTION + b" {9}", block[: MAX_BLOCK + 1], b")"]
    assert read_headers([response], "INBOX", 7)[3].block == b"From: ann@example.com\r\n"


_PIECES = st.sampled_from(
    [b"* 1 FETCH", b" (", b")", b"UID ", b"7 ", b"INTERNALDATE ", DATE, SECTION, b" {3}", b'""', b"NIL", b" ", b"x" * 9]
)


@given(st.lists(st.lists(st.lists(_PIECES, max_size=9).map(b"".join), min_size=1, max_size=4), max_size=4))
def test_whatever_a_server_answers_is_read_or_refused(responses: list[list[bytes]]) -> None:
    try:
        found = read_headers([[b"* 1 FETCH " + first, *rest] for first, *rest in responses], "INBOX", 7)
    except Unreadable:
        return
    assert all(uid > 0 for uid in found)


def test_what_breaks_the_grammar_is_said_so_without_quoting_it() -> None:
    with pytest.raises(Unreadable) as raised:
        read_headers([[b"* 1 FETCH (UID 3 secret ((("]], "INBOX", 7)
    assert "secret" not in str(raised.value)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 30)), st.integers(-840, 840))  # noqa: DTZ001
def test_an_internal_date_is_read_as_it_was_meant(local: datetime, offset: int) -> None:
    sign, minutes = ("-" if offset < 0 else "+"), abs(offset)
    day = f"{local.day:2d}-{internaldate.criterion(local).split('-')[1]}-{local.year:04d}"
    text = f"{day} {local:%H:%M:%S} {sign}{minutes // 60:02d}{minutes % 60:02d}"
    expected = datetime.fromisoformat(f"{local:%Y-%m-%d}".zfill(10) + f"T{local:%H:%M:%S}+00:00")
    assert (expected - internaldate.parse(text.encode())).total_seconds() == offset * 60


@given(st.binary(min_size=20, max_size=30))
def test_no_date_is_refused_other_than_by_value_error(text: bytes) -> None:
    try:
        internaldate.parse(text)
    except ValueError:
        return
