"""A request's content has one hash, its refusals name the field, its bytes follow from it, its names from its id."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Address, Attachment, Body

from services.send.domain.identity import marker_of, message_id_of
from services.send.domain.invalid import InvalidField
from services.send.domain.request import (
    Contents,
    Earlier,
    contents_of,
    draft_of,
    references_of,
    request_hash,
    require_earlier,
)
from services.send.domain.stored_request import stored_form
from services.send.handlers import readable_request
from tests.unit.send.messages import NOW

EARLIER = Earlier("acc-1", "<first@example.com>", ("<root@example.com>",), "Lunch?")


def request(**changes: Any) -> SendRequested:
    fields: dict[str, Any] = {
        "team_id": "acme",
        "request_id": "r-1",
        "account_id": "acc-1",
        "occurred_at": NOW,
        "to": (Address(email="grace@example.org"),),
        "subject": "Lunch?",
        "text": Body(text="Hello"),
    }
    return SendRequested(**(fields | changes))


def test_the_hash_is_the_contents_alone() -> None:
    told_again = request(id="another", correlation_id="other", occurred_at=NOW + timedelta(days=1))
    assert request_hash(told_again) == request_hash(request())
    for changes in ({"subject": "Dinner?"}, {"to": ()}, {"metadata": {"a": 1}}, {"send_at": NOW}, {"account_id": "b"}):
        assert request_hash(request(**changes)) != request_hash(request())


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=6))
def test_the_order_of_keys_does_not_change_the_hash(metadata: dict[str, Any]) -> None:
    turned = dict(reversed(metadata.items()))
    assert request_hash(request(metadata=metadata)) == request_hash(request(metadata=turned))


def test_names_derive_from_the_request_and_tell_nothing_of_it() -> None:
    assert message_id_of("acme", "r-1", "example.com") == message_id_of("acme", "r-1", "example.com")
    assert len({message_id_of(*each, "example.com") for each in (("a", "b:c"), ("a:b", "c"), ("a", "b"))}) >= 2
    assert marker_of("acme", "r-1") != marker_of("globex", "r-1")
    assert "r-1" not in marker_of("acme", "r-1")


def test_what_is_given_twice_or_not_at_all_is_refused() -> None:
    both = Body(text="a", object_ref="b")
    for changes, field in (
        ({"text": both}, "text"),
        ({"html": Body()}, "html"),
        ({"attachments": (Attachment(filename="a"),)}, "attachments[0]"),
        ({"attachments": (Attachment(filename="a", content=b"x", object_ref="y"),)}, "attachments[0]"),
    ):
        with pytest.raises(InvalidField) as refused:
            references_of(request(**changes))
        assert refused.value.field == field


def test_references_are_named_by_their_field_and_filled_in() -> None:
    asked = request(
        text=Body(object_ref="t"),
        attachments=(Attachment(filename="a", content=b"x"), Attachment(filename="b", object_ref="f")),
    )
    assert references_of(asked) == {"text": "t", "attachments[1]": "f"}
    contents = contents_of(asked, {"text": "Grüße".encode(), "attachments[1]": b"y"})
    assert contents == Contents("Grüße", None, (b"x", b"y"))
    with pytest.raises(InvalidField, match="text is not UTF-8"):
        contents_of(asked, {"text": b"\xff", "attachments[1]": b"y"})


def test_a_follow_up_answers_the_earlier_message_in_its_thread() -> None:
    draft = draft_of(request(subject=""), Contents("Hello"), "ada@example.com", EARLIER, NOW)
    assert draft.in_reply_to == "<first@example.com>"
    assert draft.references == ("<root@example.com>", "<first@example.com>")
    assert draft.subject == "Re: Lunch?"
    answered = Earlier("acc-1", "<second@example.com>", draft.references, "RE: Lunch?")
    assert draft_of(request(subject=""), Contents("Hi"), "ada@example.com", answered, NOW).subject == "RE: Lunch?"


@pytest.mark.parametrize("earlier", [None, Earlier("another", "<a@b>", (), "")])
def test_a_follow_up_of_nothing_or_of_another_mailbox_is_refused(earlier: Earlier | None) -> None:
    with pytest.raises(InvalidField) as refused:
        require_earlier(request(reply_to_request_id="r-0"), earlier)
    assert refused.value.field == "reply_to_request_id"
    assert refused.value.remedy


def test_no_earlier_message_is_needed_where_none_is_named() -> None:
    draft = draft_of(request(), Contents("Hello"), "ada@example.com", None, NOW)
    assert (draft.in_reply_to, draft.references) == (None, ())


def test_a_later_message_carries_the_date_it_is_for() -> None:
    later = NOW + timedelta(days=3)
    assert draft_of(request(send_at=later), Contents("Hello"), "ada@example.com", None, NOW).date == later
    earlier = NOW - timedelta(days=3)
    assert draft_of(request(send_at=earlier), Contents("Hello"), "ada@example.com", None, NOW).date == NOW


def test_the_stored_form_keeps_everything_but_the_files_octets() -> None:
    form = json.loads(stored_form(request(attachments=(Attachment(filename="a.bin", content=b"x" * 1000),))))
    assert form["attachments"] == [{"filename": "a.bin", "content_type": "application/octet-stream"}]
    assert form["text"] == {"text": "Hello"}


@given(st.binary(max_size=200))
def test_whatever_was_published_either_names_its_request_or_does_not(payload: bytes) -> None:
    named = readable_request(payload, "mail.v1.send.requested.acme")
    assert named is None or named[0] == "acme"


def test_the_team_of_a_malformed_request_is_the_subjects() -> None:
    payload = json.dumps({"request_id": "r-1", "team_id": "globex", "to": 7}).encode()
    assert readable_request(payload, "mail.v1.send.requested.acme") == ("acme", "r-1", None)
    assert readable_request(b'{"request_id": 7}', "mail.v1.send.requested.acme") is None
    assert readable_request(payload, "") is None


def test_metadata_too_deep_for_readers_of_json_is_refused_by_its_field() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels > 1 else {"a": []}

    draft_of(request(metadata=nested(63)), Contents("Hello"), "ada@example.com", None, NOW)
    with pytest.raises(InvalidField) as refused:
        draft_of(request(metadata=nested(64)), Contents("Hello"), "ada@example.com", None, NOW)
    assert (refused.value.field, bool(refused.value.remedy)) == ("metadata", True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from_name": "A\nB"}, "from_name"),
        ({"cc": (Address(email="grace@example.org", name="A\nB"),)}, "cc[0].name"),
        ({"reply_to": Address(email="grace@example.org", name="A\nB")}, "reply_to.name"),
        ({"reply_to": Address(email="grace")}, "reply_to.email"),
    ],
)
def test_a_name_is_refused_under_the_field_that_it_was_given_in(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        draft_of(request(**changes), Contents("Hello"), "ada@example.com", None, NOW)
    assert refused.value.field == field
