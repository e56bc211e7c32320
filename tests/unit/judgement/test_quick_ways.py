"""The quick ways through well-formed headers find what the thorough ways find, octet for octet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reply_matching.domain import addresses, encoded_words, headers
from tests.unit.judgement.posted import EXPECTED, mail

_BREAKS = (b"\r\n", b"\n", b"\r", b" ", b"\t", b"\n ", b"\r\n\t", b"\n\n", b"\r\n\r\n")
_SIGNS = (b":", b"<", b">", b",", b"@", b"a", b"B", b"\xff", b"\xc3\xa9", b"\x00", b"?", b"'", b'"', b".", b"&lt;")
_WORDS = (b"=?utf-8?Q?", b"=?UTF-8?b?", b"?=", b"UmU6IHg=", b"=3A", b"mailto:", b"ben@example.org", b"<a@b>", b"<c@d> ")
_PIECES = st.sampled_from((*_BREAKS, *_SIGNS, *_WORDS, b"Subject: ", b"From: ", b"References: "))
LEFT, RIGHT = (st.text(letters, min_size=1, max_size=20) for letters in ("az09.+$=/_-", "az09.-"))
OCTETS = st.lists(_PIECES, max_size=25).map(b"".join)


def _same_fields(block: bytes) -> None:
    quick, thorough = headers.parse_block(block), headers._closely(block)
    assert dict(quick.fields) == dict(thorough.fields)
    assert all(quick.values(name) == thorough.values(name) for name in thorough.names())


@settings(max_examples=2000, deadline=None)
@given(OCTETS)
def test_fields_are_the_same_either_way(block: bytes) -> None:
    _same_fields(block)


@pytest.mark.parametrize("name", EXPECTED)
def test_fields_of_real_forms_are_the_same_either_way(name: str) -> None:
    head = mail(name).partition(b"\n\n")[0] + b"\n"
    _same_fields(head)
    _same_fields(head + b"\n")
    _same_fields(head.replace(b"\n", b"\r\n") + b"\r\n")


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.builds("<{}@{}>".format, LEFT, RIGHT), max_size=8), st.sampled_from("  \t"))
def test_ids_are_the_same_either_way(ids: list[str], between: str) -> None:
    quick = headers.message_ids(between.join(ids))
    thorough = headers.message_ids(",".join(ids))  # a comma leaves the quick way
    assert quick == thorough


@settings(max_examples=1000, deadline=None)
@given(OCTETS)
def test_encoded_words_are_the_same_either_way(value: bytes) -> None:
    encoded = b"=?utf-8?Q?" + value.replace(b"?", b"").replace(b"\r", b"").replace(b"\n", b"") + b"?="
    assert encoded_words._one_word(encoded) == encoded_words._decode(encoded)


@settings(max_examples=1000, deadline=None)
@given(OCTETS)
def test_addresses_are_the_same_either_way(name: bytes) -> None:
    for written in (name + b" <Ben@Example.org>", name + b"Ben@Example.org>"):
        assert addresses.address_of(written) == addresses.address_of(written + b" ")  # a blank leaves the quick way
