from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.errors import CursorVoid
from services.providers.imap import names, place, spans, structure, tokens
from services.providers.imap.mailbox import FolderState
from services.providers.imap.place import Place
from services.providers.imap.tokens import Unreadable


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_folder_name_survives_the_wire(name: str) -> None:
    wire = names.encode(name)
    assert wire.isascii()
    assert names.decode(wire) == name


@pytest.mark.parametrize(
    ("wire", "name"),
    [("Entw&APw-rfe", "Entwürfe"), ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"), ("Q&-A", "Q&A")],
)
def test_folder_names_of_the_rfc_are_read(wire: str, name: str) -> None:
    assert names.decode(wire) == name
    assert names.encode(name) == wire


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_name_that_is_no_utf7_is_left_as_it_stands_or_read(wire: str) -> None:
    assert isinstance(names.decode(wire), str)


@given(st.sets(st.integers(min_value=1, max_value=400)), st.integers(min_value=1, max_value=50))
def test_pages_hold_every_uid_once_and_in_order(uids: set[int], size: int) -> None:
    pages = list(spans.of_uids(uids).pages(size))
    read = [uid for page in pages for first, last in page.spans for uid in range(first, last + 1)]
    assert read == sorted(uids)
    assert all(page.count == size for page in pages[:-1])


@given(st.sets(st.integers(min_value=1, max_value=2**63), min_size=1))
def test_a_sequence_set_reads_back(uids: set[int]) -> None:
    found = spans.of_uids(uids)
    assert spans.parse(str(found).encode()) == found


@given(st.sets(st.integers(1, 60)), st.integers(1, 60), st.integers(1, 60))
def test_clipping_keeps_what_lies_between(uids: set[int], first: int, last: int) -> None:
    kept = spans.of_uids(uids).clipped(first, last)
    assert kept == spans.of_uids(uid for uid in uids if first <= uid <= last)


@pytest.mark.parametrize("text", ["", "7", "7:", ":7", "a:b", "-1:3", "7:³"])
def test_a_cursor_that_is_none_is_void(text: str) -> None:
    with pytest.raises(CursorVoid):
        place.read(text)


@pytest.mark.parametrize("state", [FolderState(8, 100), FolderState(7, 20)])
def test_a_cursor_is_void_when_uids_were_given_out_anew(state: FolderState) -> None:
    with pytest.raises(CursorVoid):
        Place(7, 20).require_valid(state)


def test_a_cursor_holds_while_uids_only_grow() -> None:
    Place(7, 20).require_valid(FolderState(7, 21))


def test_strings_atoms_literals_and_lists_are_told_apart() -> None:
    read = tokens.read([b'* X (A "b \\"c\\"" {3}', b"d)e", b" NIL BODY[HEADER.FIELDS (A B)]<0> ()) ~{1}", b"(", b""])
    assert read == [b"*", b"X", [b"A", b'b "c"', b"d)e", None, b"BODY[HEADER.FIELDS (A B)]<0>", []], b"("]


@pytest.mark.parametrize("text", [b"* (", b"* )", b'* "open', b"(" * 101 + b")" * 101, b"(" * 100_000])
def test_what_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        tokens.read([text])


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_whatever_comes_is_read_or_refused(parts: list[bytes]) -> None:
    try:
        tokens.read(parts)
    except Unreadable:
        return


REPORT = (
    b'((("text" "plain" NIL NIL NIL "7bit" 3 1)("text" "html" NIL NIL NIL "7bit" 3 1) "alternative")'
    b'("MESSAGE" "Delivery-Status" NIL NIL NIL "base64" 20)'
    b'("message" "rfc822" NIL NIL NIL "7bit" 300 ("d" "s") ("text" "plain" NIL NIL NIL "7bit" 3 1) 9) "report")'
)


def test_the_parts_of_a_report_are_found_by_their_place() -> None:
    parts = structure.report_parts(tokens.read([REPORT])[0])
    assert [(part.section, part.type, part.encoding) for part in parts] == [
        ("2", "message/delivery-status", "base64"),
        ("3.HEADER", "text/rfc822-headers", "8bit"),
    ]


def test_a_letter_has_no_parts_of_a_report() -> None:
    assert structure.report_parts(tokens.read([b'("text" "plain" NIL NIL NIL "7bit" 3 1)'])[0]) == ()


def test_a_report_without_a_multipart_is_part_one() -> None:
    (part,) = structure.report_parts(tokens.read([b'("message" "feedback-report" NIL NIL NIL "7bit" 3)'])[0])
    assert part.section == "1"
