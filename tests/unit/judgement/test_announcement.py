"""The event that a judged answer makes: whatever led to the match and to the class travels in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from replywire_contracts.v1.reply import Answer, AutoReplyDetected, BounceDetected, ComplaintDetected, ReplyDetected
from replywire_contracts.v1.values import Body

from services.reply_matching.domain.answer import Judged, Words, announcement
from services.reply_matching.domain.classification import Classification
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import VerdictKind
from services.reply_matching.domain.report import look_inside
from tests.corpora.held_out_set import HeldOut, held_out
from tests.unit.judgement.posted import RECEIVED, known, message, tracked

OURS = replace(tracked(), message_ids=("<rw-4f1c2a9e@example.com>",))
FORMS = {one.name: one for one in held_out()}
KINDS: dict[str, type[Answer]] = {
    "gmail-web-en-html": ReplyDetected,
    "away-de-exchange": AutoReplyDetected,
    "postfix-unknown-two-said": BounceDetected,
    "delay-office365-en": BounceDetected,
    "complaint-yahoo-arf": ComplaintDetected,
}


def _announced(form: HeldOut, found: Classification | None = None) -> Answer:
    block = parse_block(form.raw)
    found_for = candidates(message(form.raw.partition(b"\n\n")[0] + b"\n"))
    verdict = judge(found_for, known(OURS))
    if verdict.kind is VerdictKind.LOOK_INSIDE:
        verdict = judge(look_inside(found_for, form.raw), known(OURS))
    assert verdict.tracked is not None
    judged = Judged("t1", "a1", "ref", RECEIVED, None, block, verdict, found or classify(form.raw))
    return announcement(
        judged,
        verdict.tracked,
        reply_id="rep_1",
        number=1,
        correlation_id="order-1",
        metadata={},
        words=Words(),
        new_words=Body(text=""),
        whole_text=Body(text=""),
        html=None,
        attachments=(),
        causation_id=None,
    )


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_all_evidence_travels_in_the_event_of_its_kind(name: str, kind: type[Answer]) -> None:
    form = FORMS[name]
    event = _announced(form)
    assert type(event) is kind
    rules = [one.rule for one in event.evidence]
    of_class = [one.sign for one in classify(form.raw).evidence]
    assert rules[-len(of_class) :] == of_class
    assert len(rules) > len(of_class), "and what led to the match"
    assert (event.request_id, event.matched_by, event.confidence) == (
        "r1",
        "in_reply_to" if kind in (ReplyDetected, AutoReplyDetected) else "embedded_original",
        "certain",
    )


def test_each_recipient_of_a_bounce_travels_with_its_own_fate() -> None:
    event = _announced(FORMS["postfix-unknown-two-said"])
    assert isinstance(event, BounceDetected)
    assert [(one.email, one.action, one.hardness, one.reason) for one in event.recipients] == [
        ("lena.v@example.org", "failed", "hard", "unknown_user"),
        ("sales-old@example.org", "failed", "hard", "unknown_user"),
    ]
    assert all("User unknown" in one.words for one in event.recipients)


def test_a_day_of_return_travels_with_an_absence() -> None:
    event = _announced(FORMS["away-de-exchange"])
    assert isinstance(event, AutoReplyDetected)
    assert event.returns_at is not None
    assert event.returns_at.date().isoformat() == "2024-05-27"


def test_what_servers_said_of_two_hundred_recipients_fits_an_event_of_the_bus() -> None:
    form = FORMS["postfix-unknown-two-said"]
    found = classify(form.raw)
    said = replace(found.recipients[0], words="нет такого адреса " * 200)
    event = _announced(form, replace(found, recipients=(said,) * 200))
    assert isinstance(event, BounceDetected)
    assert len(event.encode()) < 700_000
    assert all(one.words.startswith("нет такого") for one in event.recipients)
