"""What must hold for any input: nothing raises, nothing depends on order, case or folding, nothing takes long."""

from __future__ import annotations

import random
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reply_matching.domain.classify import classify, classify_headers
from services.reply_matching.domain.encoded_words import decode_words
from services.reply_matching.domain.explain import explain
from services.reply_matching.domain.headers import message_ids, parse_block
from services.reply_matching.domain.html import sanitise
from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.reply_text import new_text
from services.reply_matching.domain.report import embedded_ids
from services.reply_matching.domain.return_date import return_date
from services.reply_matching.domain.subjects import normal_subject
from tests.unit.judgement.posted import EXPECTED, known, mail, message, tracked, verdict_on

NAMES = [
    "Message-ID", "In-Reply-To", "References", "Subject", "From", "Sender", "To", "Return-Path", "Content-Type",
    "Auto-Submitted", "Precedence", "Thread-Index", "List-Id", "X-Replywire-Id", "X-Failed-Recipients",
    "X-Original-Message-ID", "X-Autoreply", "X-MS-Exchange-Inbox-Rules-Loop", "X-HmXmrOriginalRecipient",
]  # fmt: skip
VALUES = [
    "<r1@example.com>", "<r2@example.com> <x@example.net>", "Re: Pilot in June?", "Automatic reply: Pilot in June?",
    "Ben <ben@example.org>", "MAILER-DAEMON@example.net", "alice@example.com", "<>", "auto-replied", "no", "bulk",
    "multipart/report; report-type=delivery-status; boundary=b", "text/plain", "mark-1",
]  # fmt: skip
field = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES))
headers = st.lists(field, max_size=12, unique_by=lambda pair: pair[0])
_UNSEEN = dict.fromkeys(map(ord, "> |\u200b\ufeff" + "".join(chr(n) for n in range(0x3001) if chr(n).isspace())))
FOUND = known(tracked("r1"), tracked("r2"), marker="mark-1")


def _written(fields: list[tuple[str, str]], fold: bool = False, upper: bool = False) -> bytes:
    lines = []
    for name, value in fields:
        value = value.replace(" ", "\r\n ") if fold else value
        lines.append(f"{name.upper() if upper else name}: {value}\r\n")
    return "".join(lines).encode()


@given(headers, st.randoms(use_true_random=False))
def test_a_verdict_depends_on_neither_order_nor_case_nor_folding(
    fields: list[tuple[str, str]], chance: random.Random
) -> None:
    plain = verdict_on(_written(fields), FOUND)
    shuffled = fields.copy()
    chance.shuffle(shuffled)
    assert verdict_on(_written(shuffled), FOUND) == plain
    assert verdict_on(_written(fields, fold=True), FOUND) == plain
    assert verdict_on(_written(fields, upper=True), FOUND) == plain


@given(st.lists(field, max_size=12), st.randoms(use_true_random=False))
def test_a_class_does_not_depend_on_the_order_of_fields_even_repeated_ones(
    fields: list[tuple[str, str]], chance: random.Random
) -> None:
    shuffled = fields.copy()
    chance.shuffle(shuffled)
    first, second = (classify(_written(one) + b"\r\nHello") for one in (fields, shuffled))
    assert (first.klass, first.confidence) == (second.klass, second.confidence)
    assert verdict_on(_written(fields), FOUND).kind == verdict_on(_written(shuffled), FOUND).kind


@given(st.binary(max_size=2000))
def test_no_bytes_raise(raw: bytes) -> None:
    judge(candidates(message(raw)), FOUND)
    classify_headers(parse_block(raw))
    classify(raw)
    embedded_ids(raw)
    explain(raw, [tracked()])


@given(st.lists(st.tuples(st.sampled_from(NAMES).map(str.encode), st.binary(max_size=80)), max_size=12))
def test_no_header_set_raises(fields: list[tuple[bytes, bytes]]) -> None:
    raw = b"".join(name + b": " + value + b"\n" for name, value in fields)
    judge(candidates(message(raw)), FOUND)
    classify(raw + b"\n\nHello")


@settings(max_examples=300)
@given(st.sampled_from(sorted(EXPECTED)), st.data())
def test_no_damaged_mail_raises(name: str, data: st.DataObject) -> None:
    raw = bytearray(mail(name))
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 60)))
        raw[start:end] = data.draw(st.binary(max_size=30))
    explain(bytes(raw), [tracked()])


@given(st.binary(max_size=300))
def test_no_header_value_raises(value: bytes) -> None:
    assert decode_words(value) == " ".join(decode_words(value).split())
    assert all(one == one.lower() and one for one in message_ids(value))


@given(st.text(max_size=400))
def test_no_text_raises_and_a_subject_made_normal_stays_so(text: str) -> None:
    new_text(text)
    new_text(None, text)
    sanitise(text)
    return_date(text, date(2024, 5, 14))
    assert normal_subject("Re: " + normal_subject(text)) == normal_subject(normal_subject(text))


@given(st.text(max_size=400))
def test_no_word_of_a_text_is_lost_between_new_quoted_and_signature(text: str) -> None:
    parts = new_text(text)
    together = "".join((parts.new, parts.quoted, parts.signature))
    assert sorted(together.translate(_UNSEEN)) == sorted(text.translate(_UNSEEN))
