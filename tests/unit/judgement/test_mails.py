"""Our own mails, one by one: the class, the fate of each recipient, the date of return, the new words."""

from __future__ import annotations

from typing import Any

import pytest

from services.reply_matching.domain.classify import classify, classify_headers
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.mime_reading import read_mail
from services.reply_matching.domain.reply_text import new_text_of
from services.reply_matching.domain.report import embedded_ids
from tests.unit.judgement.posted import EXPECTED, MAILS, mail


def _with(key: str) -> list[Any]:
    return [pytest.param(name, expected[key], id=name) for name, expected in EXPECTED.items() if key in expected]


def test_every_mail_has_its_expectation_and_every_expectation_its_mail() -> None:
    assert {path.stem for path in MAILS.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize(("name", "klass"), _with("class"))
def test_the_class_is_right_and_has_evidence(name: str, klass: str) -> None:
    found = classify(mail(name))
    assert found.klass.value == klass, [str(one) for one in found.evidence]
    assert found.evidence


@pytest.mark.parametrize(("name", "hardness"), _with("hardness"))
def test_hard_and_soft_are_told_apart(name: str, hardness: str) -> None:
    assert classify(mail(name)).hardness == hardness


@pytest.mark.parametrize(("name", "recipients"), _with("recipients"))
def test_each_recipient_has_its_own_verdict(name: str, recipients: dict[str, list[str]]) -> None:
    found = classify(mail(name)).recipients
    assert {one.address: [one.action.value, one.reason] for one in found} == recipients


@pytest.mark.parametrize(("name", "day"), _with("return_date"))
def test_the_date_of_return_is_read(name: str, day: str | None) -> None:
    found = classify(mail(name)).return_date
    assert (found.isoformat() if found else None) == day


@pytest.mark.parametrize(("name", "new"), _with("new"))
def test_the_new_words_alone_are_kept(name: str, new: str) -> None:
    assert new_text_of(read_mail(mail(name))).new == new


@pytest.mark.parametrize(("name", "asked"), _with("unsubscribe"))
def test_a_wish_to_hear_no_more_is_flagged(name: str, asked: bool) -> None:
    assert classify(mail(name)).unsubscribe_request is asked


@pytest.mark.parametrize(("name", "original"), _with("embedded"))
def test_the_original_inside_a_report_is_found(name: str, original: str | None) -> None:
    found = embedded_ids(mail(name)).message_ids
    assert found[:1] == ((original,) if original else ())


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected["class"] == "human"])
def test_headers_alone_never_take_a_person_for_a_machine(name: str) -> None:
    headers = parse_block(mail(name))
    assert classify_headers(headers).klass.value in ("human", "list")
    assert classify(mail(name)).klass.value == "human"
