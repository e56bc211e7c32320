"""Is this about our message? On a labelled set of thousands, made from our own mails."""

from __future__ import annotations

import pytest

from tests.corpora.ours import Figures, measure
from tests.corpora.transplant import labelled_set


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(*labelled_set())


def test_the_set_is_large_and_has_both_answers(figures: Figures) -> None:
    assert figures.messages >= 2000
    _, made = labelled_set()
    assert sum(one.belongs_to is None for one in made) > figures.messages / 4
    assert len({one.name for one in made}) > 1000


def test_nothing_is_certain_and_wrong(figures: Figures) -> None:
    assert figures.certain_wrong == 0, figures.wrong


def test_nearly_everything_that_can_be_known_is_known(figures: Figures) -> None:
    assert figures.recall >= 0.995, figures.wrong


def test_probable_matches_are_right_too(figures: Figures) -> None:
    assert figures.probable_wrong == 0, figures.wrong


def test_the_same_seed_makes_the_same_set() -> None:
    assert [one.raw for one in labelled_set(7)[1]] == [one.raw for one in labelled_set(7)[1]]
    assert [one.raw for one in labelled_set(7)[1]] != [one.raw for one in labelled_set(8)[1]]
