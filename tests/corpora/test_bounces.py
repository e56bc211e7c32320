"""The figures that must be reached on real bounces. Skipped, and said so, where the corpora are not beside the
project."""

from __future__ import annotations

import pytest

from tests.corpora import bounces

needs_corpora = pytest.mark.skipif(
    not (bounces.CORPORA / "bounces" / "labels.tsv").exists(),
    reason=f"NO CORPORA at {bounces.CORPORA}: set REPLYWIRE_CORPORA to measure on real bounces",
)
needs_flufl = pytest.mark.skipif(
    not any(bounces.FLUFL.rglob("*.txt")),
    reason="flufl.bounce's messages are not there: `make bench` fetches them, or set REPLYWIRE_FLUFL_MAILS",
)


@pytest.fixture(scope="module")
def figures() -> bounces.Figures:
    return bounces.measure()


@needs_corpora
def test_the_class_is_right_for_97_of_100(figures: bounces.Figures) -> None:
    assert figures.share("classes_right", "messages") >= 0.97, figures.wrong


@needs_corpora
def test_hard_and_soft_are_right_for_93_of_100(figures: bounces.Figures) -> None:
    assert figures.share("hardness_right", "hardness_asked") >= 0.93, figures.wrong


@needs_corpora
def test_the_failed_recipient_is_found_in_95_of_100(figures: bounces.Figures) -> None:
    assert figures.share("recipients_found", "recipients_asked") >= 0.95


@needs_corpora
def test_none_of_the_not_bounces_is_called_one(figures: bounces.Figures) -> None:
    assert figures.false_bounces == 0


@needs_corpora
def test_headers_alone_let_a_report_be_looked_into(figures: bounces.Figures) -> None:
    assert figures.share("looked_inside", "reports") >= 0.97


@needs_flufl
def test_flufls_own_messages_are_detected_and_its_not_bounces_are_not() -> None:
    figures = bounces.measure_flufl()
    assert figures.messages > 100
    assert figures.share("classes_right", "messages") >= 0.97, figures.wrong
    assert figures.false_bounces == 0
