"""Addresses as people write them."""

from __future__ import annotations

from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.send.domain.addresses import Mailbox, mailbox, parse
from services.send.domain.invalid import InvalidField


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("ada@example.org", Mailbox("ada@example.org")),
        (" ada@Example.ORG ", Mailbox("ada@example.org")),
        ("Ada@example.org", Mailbox("Ada@example.org")),
        ("<ada@example.org>", Mailbox("ada@example.org")),
        ("Ada Lovelace <ada@example.org>", Mailbox("ada@example.org", "Ada Lovelace")),
        ('"Lovelace, Ada" <ada@example.org>', Mailbox("ada@example.org", "Lovelace, Ada")),
        (r'"Ada \"the\" L." <ada@example.org>', Mailbox("ada@example.org", 'Ada "the" L.')),
        ("Zoë <zoë@example.org>", Mailbox("zoë@example.org", "Zoë")),
        ("x@bücher.example", Mailbox("x@xn--bcher-kva.example")),
        ("x@例え.テスト", Mailbox("x@xn--r8jz45g.xn--zckzah")),
        ("a.b+c_d='x'@sub.example.org", Mailbox("a.b+c_d='x'@sub.example.org")),
        ('"quoted local"@example.org', Mailbox('"quoted local"@example.org')),
        ('Odd <"a<b>c"@example.org>', None),
        ("ada@mailhost", Mailbox("ada@mailhost")),
    ],
)
def test_an_address_is_read_as_its_author_meant_it(written: str, expected: Mailbox | None) -> None:
    if expected is None:
        with pytest.raises(InvalidField):
            parse(written, field="to[0]")
    else:
        assert parse(written, field="to[0]") == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@@example.org",
        "a b@example.org",
        "ada@exa mple.org",
        "ada@-example.org",
        "ada@example..org",
        ".ada@example.org",
        "ada.@example.org",
        "ada@[127.0.0.1]",
        "ada@example.org, bob@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada\n@example.org",
        "ada@example.org\x00",
        '"a\r\nb"@example.org',
        "Ada\r\nBcc: eve@example.org <ada@example.org>",
        "=?utf-8?q?Ada=0ABcc:_eve?= <ada@example.org>",
        "ada\ud800@example.org",
        "a" * 65 + "@example.org",
        "ada@" + "a" * 64 + ".org",
        "N" * 257 + " <ada@example.org>",
        "ada\u2028@example.org",
        "SIZE=1> <ada@example.org",
    ],
)
def test_a_bad_address_is_refused_with_its_field_and_a_remedy(written: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        parse(written, field="cc[3]")
    assert refusal.value.field.startswith("cc[3]")
    assert refusal.value.remedy.endswith(".")


def test_a_refusal_does_not_repeat_the_address() -> None:
    with pytest.raises(InvalidField) as refusal:
        mailbox("sec ret@example.org", field="to[0]")
    assert "ret" not in str(refusal.value)


def test_only_an_international_local_part_needs_smtputf8() -> None:
    assert parse("zoë@example.org", field="to").international
    assert not parse("zoe@bücher.example", field="to").international
    assert parse("zoe@bücher.example", field="to").domain == "xn--bcher-kva.example"


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser_and_what_passes_is_safe_on_a_command_line(text: str) -> None:
    try:
        found = parse(text, field="to")
    except InvalidField:
        return
    assert found.email.isprintable()
    assert found.email.count("@") >= 1
    if not found.email.startswith('"'):
        assert not set(found.email) & set(' <>()[],;:\\"')
    if found.name.isascii() and "=?" not in found.name:
        assert parseaddr(found.email)[1] == found.email or '"' in found.email
