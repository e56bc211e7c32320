"""A signed link is followed once it is genuine, alive and for this very purpose; everything else is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.links import (
    REMEDY,
    SENTENCES,
    Link,
    LinkRefusal,
    LinkRefused,
    Purpose,
    Role,
    _octets,
    _text,
    make_link,
    read,
    sign,
)
from services.auth.domain.refusals import Invalid
from tests.unit.auth.rings import ring_of

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
RING = ring_of("k1", "k1")
BACK = "https://app.example.com/mailboxes?from=replywire"


def made(**changed: Any) -> Link:
    given: dict[str, Any] = {
        "purpose": Purpose.CONNECT,
        "team_id": "acme",
        "person": "user-7",
        "role": Role.MEMBER,
        "return_to": BACK,
        "now": NOW,
    }
    return make_link(**{**given, **changed})


def refusal(text: str, purpose: Purpose = Purpose.CONNECT, now: datetime = NOW, ring: Any = RING) -> LinkRefusal:
    with pytest.raises(LinkRefused) as refused:
        read(ring, text, purpose, now)
    return refused.value.why


@given(person=st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=50), role=st.sampled_from(Role))
def test_what_was_signed_is_what_is_read(person: str, role: Role) -> None:
    link = made(person=person, role=role)
    assert read(RING, sign(RING, link), Purpose.CONNECT, NOW) == link


def test_a_link_dies_at_its_second() -> None:
    link = made(life=timedelta(seconds=30))
    text = sign(RING, link)
    assert read(RING, text, Purpose.CONNECT, NOW + timedelta(seconds=29)) == link
    assert refusal(text, now=NOW + timedelta(seconds=30)) is LinkRefusal.EXPIRED


def test_a_link_is_good_for_its_own_purpose_alone() -> None:
    text = sign(RING, made(purpose=Purpose.RECONNECT, account_id="acc_ada"))
    assert read(RING, text, Purpose.RECONNECT, NOW).account_id == "acc_ada"
    assert refusal(text, Purpose.CONNECT) is LinkRefusal.OTHER_PURPOSE
    assert refusal(text, Purpose.SETTINGS) is LinkRefusal.OTHER_PURPOSE


def test_two_links_for_the_same_are_two_links() -> None:
    assert made().link_id != made().link_id


@given(st.data())
def test_no_altered_letter_goes_unnoticed(data: st.DataObject) -> None:
    text = sign(RING, made())
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda letter: letter != text[place]))
    assert refusal(text[:place] + letter + text[place + 1 :]) is LinkRefusal.ALTERED


@pytest.mark.parametrize(
    "claim", [{"r": "admin"}, {"t": "globex"}, {"p": "settings"}, {"e": 4102444800}, {"b": "https://evil.example.net"}]
)
def test_no_claim_can_be_changed_by_its_holder(claim: dict[str, Any]) -> None:
    body, _, signature = sign(RING, made()).partition(".")
    forged = _text(json.dumps(json.loads(_octets(body)) | claim).encode())
    for purpose in Purpose:
        assert refusal(f"{forged}.{signature}", purpose) is LinkRefusal.ALTERED


@given(st.text(max_size=200))
def test_rubbish_is_refused_and_never_crashes(text: str) -> None:
    assert refusal(text) is LinkRefusal.ALTERED


@pytest.mark.parametrize("claims", [[], 7, None, "x", {}, {"k": 7}, {"k": "k1"}, {"k": None}, {"k": ["k1"]}])
def test_claims_of_any_shape_are_refused(claims: Any) -> None:
    assert refusal(f"{_text(json.dumps(claims).encode())}.{_text(b'x' * 32)}") is LinkRefusal.ALTERED


def test_claims_nested_beyond_reason_are_refused() -> None:
    assert refusal(f"{_text(b'[' * 3000)}.x") is LinkRefusal.ALTERED


def test_the_longest_link_that_can_be_made_can_be_read() -> None:
    link = made(person="\N{SNOWMAN}" * 200, return_to="https://app.example.com/" + "x" * 976)
    assert read(RING, sign(RING, link), Purpose.CONNECT, NOW) == link


def test_a_very_long_link_is_not_even_read() -> None:
    assert refusal("a" * 5000) is LinkRefusal.ALTERED


def test_a_link_lives_as_long_as_its_key_is_in_the_ring() -> None:
    text = sign(RING, made())
    assert read(ring_of("k2", "k1", "k2"), text, Purpose.CONNECT, NOW).person == "user-7"
    assert refusal(text, ring=ring_of("k2", "k2")) is LinkRefusal.ALTERED


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"person": ""}, "person"),
        ({"person": "a\nb"}, "person"),
        ({"purpose": Purpose.SETTINGS}, "role"),
        ({"purpose": Purpose.RECONNECT}, "account_id"),
        ({"account_id": "acc_ada"}, "account_id"),
        ({"life": timedelta(0)}, "life_seconds"),
        ({"life": timedelta(hours=2)}, "life_seconds"),
        ({"return_to": "http://app.example.com/"}, "return_to"),
        ({"return_to": "javascript:alert(1)"}, "return_to"),
        ({"return_to": "//evil.example.net"}, "return_to"),
        ({"return_to": "/mailboxes"}, "return_to"),
        ({"return_to": "https://app.example.com@evil.example.net/"}, "return_to"),
        ({"return_to": "https://app.example.com\\@evil.example.net/"}, "return_to"),
        ({"return_to": "https://app.example.com/\r\nSet-Cookie: a=b"}, "return_to"),
        ({"return_to": "https://[::1"}, "return_to"),
        ({"return_to": "https://"}, "return_to"),
        ({"return_to": "https://app.example.com/" + "x" * 1000}, "return_to"),
    ],
)
def test_a_link_that_must_not_be_is_refused_by_its_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(**changed)
    assert refused.value.field == field


@pytest.mark.parametrize("address", [BACK, "http://localhost:3000/back", "http://127.0.0.1/"])
def test_people_are_sent_back_to_the_product_or_a_developer_s_own_machine(address: str) -> None:
    assert made(return_to=address).return_to == address


def test_every_refusal_has_a_sentence_for_its_page() -> None:
    for why in LinkRefusal:
        assert SENTENCES[why].endswith(".")
        assert REMEDY in str(LinkRefused(why))
