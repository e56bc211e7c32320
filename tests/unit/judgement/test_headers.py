"""Header blocks read by hand: whatever a server sends, the fields are found and nothing raises."""

from __future__ import annotations

import pytest

from services.reply_matching.domain.addresses import address_of, addresses_of
from services.reply_matching.domain.encoded_words import decode_words
from services.reply_matching.domain.headers import MAX_BLOCK, message_ids, normal_id, parse_block
from services.reply_matching.domain.subjects import normal_subject


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_folded_fields_are_joined_and_names_are_lower_case(end: str) -> None:
    headers = parse_block(f"SUBJECT: one{end}\ttwo{end} three{end}From: a@example.org{end}{end}Body: no".encode())
    assert headers.text(b"subject") == "one two three"
    assert b"body" not in headers


def test_a_field_that_comes_twice_reads_the_same_in_either_order() -> None:
    first = parse_block(b"To: b@example.org\nTo: a@example.org\n")
    second = parse_block(b"To: a@example.org\nTo: b@example.org\n")
    assert first.raw(b"to") == second.raw(b"to")
    assert first.values(b"to") == second.values(b"to") == [b"a@example.org", b"b@example.org"]


def test_an_mbox_line_and_garbage_are_passed_over() -> None:
    headers = parse_block(b"From ben@example.org Mon Jan  1 10:00:00 2024\nnonsense\n: empty\nSubject: x\n")
    assert headers.text(b"subject") == "x"
    assert b"from ben@example.org mon jan  1 10" not in headers


def test_a_block_is_read_up_to_its_bound() -> None:
    headers = parse_block(b"Subject: x\nX-Long: " + b"y" * (2 * MAX_BLOCK) + b"\nFrom: late@example.org\n")
    assert headers.text(b"subject") == "x"
    assert b"from" not in headers


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?iso-8859-1?Q?Gr=FC=DFe?= und mehr", "Grüße und mehr"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?B?44GK?=\t=?utf-8?B?6KaL?=", "お見"),
        (b"=?utf-8?B?44E=?= =?utf-8?B?ig==?=", "お"),
        (b"=?iso-2022-jp?B?GyRCJCo4K0BRGyhC?=", "お見積"),
        (b"=?utf-8*en?q?x?=", "x"),
        (b"=?no-such-charset?q?x?=", "x"),
        (b"=?utf-8?B?!!!?=", ""),
        ("Grüße".encode(), "Grüße"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"a\x00b\x1fc", "a b c"),
        (b"=?utf-8?q?evil=0D=0ABcc:_x?=", "evil Bcc: x"),
    ],
)
def test_encoded_words_are_read(raw: bytes, text: str) -> None:
    assert decode_words(raw) == text


def test_a_codec_that_is_no_charset_is_refused() -> None:
    assert decode_words(b"=?zlib_codec?B?eJw=?=") is not None
    assert decode_words(b"=?rot13?q?uryyb?=") == "uryyb"


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@x> <b@y>", ("a@x", "b@y")),
        ("<a@x>,<b@y>", ("a@x", "b@y")),
        ("a@x b@y", ("a@x", "b@y")),
        ("<a@x> <b@y> <a@x>", ("b@y", "a@x")),
        ('"Ben" <a@x> (his message of Monday)', ("a@x",)),
        ("<no-at-sign>", ("no-at-sign",)),
        ("<>", ()),
        ("", ()),
    ],
)
def test_message_ids_are_found(value: str, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


def test_of_a_thousand_ids_the_last_and_the_first_are_kept() -> None:
    ids = message_ids(" ".join(f"<{number}@x>" for number in range(1000)))
    assert len(ids) == 200
    assert (ids[0], ids[-1]) == ("0@x", "999@x")


def test_ids_are_compared_without_brackets_blanks_and_case() -> None:
    assert normal_id("< A.b@EXAMPLE.com >") == "a.b@example.com"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b'"Ben <the boss>" <Ben@Example.org>', "ben@example.org"),
        (b"ben@example.org (Ben)", "ben@example.org"),
        (b"<>", ""),
        (b"", ""),
        (b"Ben", ""),
    ],
)
def test_the_address_of_a_sender_is_found(value: bytes, address: str) -> None:
    assert address_of(value) == address


def test_all_addresses_are_found_once() -> None:
    assert addresses_of(b"A <a@example.org>, b@example.org, A@EXAMPLE.ORG") == ("a@example.org", "b@example.org")


@pytest.mark.parametrize(
    "subject", ["Re: [list] Fwd: Hello  there", "hello there", "AW: WG: HELLO THERE", "回复：Hello there"]
)
def test_subjects_are_compared_without_their_marks(subject: str) -> None:
    assert normal_subject(subject) == "hello there"


def test_a_subject_of_a_mark_alone_is_empty_and_a_lone_tag_is_kept() -> None:
    assert normal_subject("Re:") == ""
    assert normal_subject("[offer]") == "[offer]"
