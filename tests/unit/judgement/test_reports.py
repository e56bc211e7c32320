"""Bounces and complaints: which message they are about, and that those about others change nothing."""

from __future__ import annotations

import base64
import logging.config
from datetime import timedelta
from typing import Any

import pytest

from services.reply_matching.domain.classification import Class
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.explain import explain
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import Confidence, MatchedBy, Tracked, Verdict, VerdictKind
from services.reply_matching.domain.report import embedded_ids, look_inside
from services.reply_matching.domain.report_signs import looks_like_report
from tests.unit.judgement.posted import EXPECTED, SENT, known, mail, message, tracked

OURS = "<rw-4f1c2a9e@example.com>"
REPORTS = [name for name, expected in EXPECTED.items() if expected.get("embedded") == OURS.strip("<>")]


def _judged(raw: bytes, found: Any) -> tuple[Verdict, Verdict]:
    block = raw.partition(b"\n\n")[0] + b"\n"
    found_for = candidates(message(block, received_at=SENT + timedelta(hours=1)))
    return judge(found_for, found), judge(look_inside(found_for, raw), found)


def ours(**changes: Any) -> Tracked:
    return tracked(message_ids=(OURS,), **changes)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_on_our_message_is_looked_into_and_leads_home(name: str) -> None:
    by_headers, inside = _judged(mail(name), known(ours()))
    assert by_headers.kind is VerdictKind.LOOK_INSIDE
    assert (inside.kind, inside.matched_by, inside.confidence) == (
        VerdictKind.MATCH,
        MatchedBy.EMBEDDED,
        Confidence.CERTAIN,
    )


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_on_somebody_elses_message_changes_nothing(name: str) -> None:
    raw = mail(name).replace(OURS.encode(), b"<foreign@example.net>")
    _, inside = _judged(raw, known(ours(subject_key="")))
    assert inside.kind is VerdictKind.UNRELATED


def test_a_report_without_any_name_is_probable_by_subject_and_recipient() -> None:
    raw = mail("bounce-domino")
    one = ours(recipients=("nobody@example.org",))
    _, inside = _judged(raw, known(one))
    assert (inside.kind, inside.confidence) == (VerdictKind.MATCH, Confidence.PROBABLE)
    _, other = _judged(raw, known(ours(recipients=("else@example.org",))))
    assert other.kind is VerdictKind.UNRELATED


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected["class"] == "human"])
def test_nobody_looks_inside_a_persons_mail(name: str) -> None:
    assert not looks_like_report(parse_block(mail(name)))


def test_a_complaint_that_something_is_no_spam_is_no_complaint() -> None:
    raw = mail("complaint-arf").replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam")
    assert classify(raw).klass is Class.AUTO_REPLY


def test_a_report_in_a_report_is_read_to_its_end() -> None:
    outer = (
        b"Return-Path: <>\nFrom: MAILER-DAEMON@gateway.example.net\nSubject: Returned mail\n"
        b"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\n"
        b"The following addresses had permanent delivery errors\n\n--o\nContent-Type: message/rfc822\n\n"
        + mail("bounce-unknown-user")
        + b"\n--o--\n"
    )
    found = classify(outer)
    assert (found.klass, found.reason) == (Class.BOUNCE, "unknown_user")
    assert OURS.strip("<>") in embedded_ids(outer).message_ids


@pytest.mark.parametrize("encoding", ["base64", "8bit"])
def test_a_delivery_status_is_read_in_any_encoding(encoding: str) -> None:

    status = b"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.2.2\n"
    body = base64.encodebytes(status) if encoding == "base64" else status
    raw = (
        b"From: MAILER-DAEMON@mx\nContent-Type: multipart/report; report-type=delivery-status; boundary=o\n\n--o\n"
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\n\n"
        + body
        + b"\n--o--\n"
    )
    assert [(one.address, one.reason) for one in classify(raw).recipients] == [("a@example.org", "mailbox_full")]


def test_a_report_whose_boundary_was_lost_is_still_read() -> None:
    raw = mail("bounce-unknown-user").replace(b'; boundary="=_dsn_1"', b"")
    found = classify(raw)
    assert (found.klass, [one.address for one in found.recipients]) == (Class.BOUNCE, ["nobody@example.org"])


def test_an_explanation_tells_the_class_the_match_and_all_evidence() -> None:
    told = explain(mail("bounce-unknown-user"), [ours()], received_at=SENT + timedelta(hours=1))
    assert told.looked_inside
    assert told.verdict is not None
    assert [str(one) for one in told.verdict.evidence] == ["embedded_original: r1"]
    assert told.classification.klass is Class.BOUNCE
    assert told.embedded.message_ids == (OURS.strip("<>"),)
    assert explain(mail("human-gmail-en")).verdict is None
    assert explain(mail("human-gmail-en")).reply.new.startswith("Hi Alice")


def test_what_flufl_stumbles_over_is_neither_raised_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as many servers do at their start
    # Without a From field one of its detectors raises IndexError, and logs it.
    raw = b"Return-Path: <>\nAuto-Submitted: auto-replied\nSubject: Mail delivery failed\n\ncould not be delivered\n"
    assert classify(raw).klass is Class.BOUNCE
    assert caplog.records == []


SES = (
    b"From: no-reply@sns.example.com\nSubject: AWS Notification Message\nContent-Type: text/plain; charset=UTF-8\n\n"
    b'{"notificationType":"%s","%s":{%s},"mail":{"messageId":"0102-3","sourceArn":"arn:aws:ses:eu-west-1:1:identity/x",'
    b'"headers":[{"name":"Message-ID","value":"<rw-4f1c2a9e@example.com>"}]}}\n\n--\nIf you wish to stop\n'
)


def test_amazons_notifications_are_read() -> None:
    bounced = (
        b'"bouncedRecipients":[{"emailAddress":"a@example.org","status":"5.1.1",'
        b'"diagnosticCode":"smtp; 550 5.1.1 no such user"}]'
    )
    raw = SES % (b"Bounce", b"bounce", bounced)
    found = classify(raw)
    assert (found.klass, found.hardness, found.reason) == (Class.BOUNCE, "hard", "unknown_user")
    assert embedded_ids(raw).message_ids == (
        "rw-4f1c2a9e@example.com",
        "0102-3@email.amazonses.com",
        "0102-3@eu-west-1.amazonses.com",
    )
    complained = SES % (b"Complaint", b"complaint", b'"complainedRecipients":[{"emailAddress":"a@example.org"}]')
    assert classify(complained).klass is Class.COMPLAINT
    delivered = SES % (b"Delivery", b"delivery", b'"recipients":["a@example.org"]')
    assert classify(delivered).klass is Class.AUTO_REPLY
    assert classify(SES % (b"Else", b"else", b"")).klass is Class.HUMAN
