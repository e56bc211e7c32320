"""What a person's "this was a bounce" says of whom."""

from __future__ import annotations

from typing import Any

from replywire_contracts.v1.reply import BounceDetected, ReplyDetected
from replywire_contracts.v1.values import Body

from services.reply_matching.domain.classification import Class
from services.reply_matching.domain.corrected_fates import fates, named_or_only
from services.reply_matching.domain.correction import Letter, corrected_event, wanted
from tests.unit.judgement.posted import RECEIVED, tracked

TWO = ("ben@example.org", "carla@example.net")


def test_the_only_recipient_is_the_one_that_was_not_reached() -> None:
    found, hardness = fates(Class.BOUNCE, TWO[:1], "Sorry, this mailbox is full.")
    assert [(one.email, one.action, one.hardness, one.reason) for one in found] == [
        ("ben@example.org", "failed", "soft", "mailbox_full")
    ]
    assert hardness == "soft"


def test_of_several_only_those_that_the_words_name() -> None:
    found, hardness = fates(Class.BOUNCE, TWO, "There is no such user: Carla@example.net\n550 5.1.1 user unknown")
    assert [(one.email, one.status, one.reason) for one in found] == [("carla@example.net", "5.1.1", "unknown_user")]
    assert hardness == "hard"
    assert named_or_only(TWO, "It could not be delivered.") == ()


def test_a_delay_is_neither_hard_nor_soft() -> None:
    found, hardness = fates(Class.DELAYED, TWO[:1], "Still waiting, we go on trying.")
    assert ([(one.action, one.hardness) for one in found], hardness) == ([("delayed", "none")], None)


def test_an_answer_corrected_to_a_bounce_names_its_recipient() -> None:
    facts: dict[str, Any] = {
        "id": "e1",
        "occurred_at": RECEIVED,
        "team_id": "t1",
        "correlation_id": "order-1",
        "reply_id": "rep_1",
        "request_id": "r1",
        "account_id": "a1",
        "matched_by": "in_reply_to",
        "confidence": "certain",
        "class": "human",
        "sender_matches": False,
        "received_at": RECEIVED,
        "reply_number": 1,
        "new_text": Body(text="This mailbox is full."),
        "text": Body(text="This mailbox is full."),
    }
    answered = ReplyDetected(**facts)
    letter = Letter(answered.new_text, answered.text, None, 1, "This mailbox is full.")
    event = corrected_event(
        wanted(answered, "bounce", None, none=False),
        [answered],
        tracked(),
        correlation_id="order-1",
        metadata={},
        reason="",
        letter=letter,
    )
    assert isinstance(event, BounceDetected)
    assert ([(one.email, one.reason) for one in event.recipients], event.hardness) == (
        [("ben@example.org", "mailbox_full")],
        "soft",
    )
    assert event.corrects == answered.id
