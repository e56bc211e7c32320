"""Which addresses are mailboxes, and which spellings are the same one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.addresses import read_address, same_mailbox_key
from services.auth.domain.refusals import Invalid


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "ada.lovelace+tag@mail.example.org", "björn@bücher.example.net", "o'neil@example.com", "a@b"],
)
def test_people_s_addresses_are_taken_as_they_are(address: str) -> None:
    assert read_address(f" {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada..l@example.com",
        ".ada@example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com\r\nRCPT TO:<eve@example.org>",
        "ada@exa\nmple.com",
        "ada@example.com\x00",
        "a\u200bda@example.com",
        "ada love@example.com",
        "<ada@example.com>",
        "ada@[127.0.0.1]",
        "a" * 65 + "@example.com",
        "ada@" + "x" * 64 + ".com",
        "ada@" + ".".join(["abcdefgh"] * 32),
    ],
)
def test_what_is_no_mailbox_is_refused_by_its_field(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_address(address)
    assert refused.value.field == "address"
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.com", "ada@example.COM"),
        ("ada@bücher.example.com", "ada@xn--bcher-kva.example.com"),
        ("cafe\u0301@example.com", "caf\u00e9@example.com"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert same_mailbox_key(one) == same_mailbox_key(other)


def test_different_mailboxes_have_different_keys() -> None:
    assert same_mailbox_key("ada@example.com") != same_mailbox_key("ada@example.org")
    assert same_mailbox_key("ada+x@example.com") != same_mailbox_key("ada@example.com")


@given(st.text(max_size=80))
def test_any_text_is_either_an_address_or_refused(text: str) -> None:
    try:
        address = read_address(text)
    except Invalid:
        return
    assert not any(ord(character) < 33 for character in address)
    assert read_address(address) == address
    assert same_mailbox_key(address) == same_mailbox_key(address.upper().lower())
