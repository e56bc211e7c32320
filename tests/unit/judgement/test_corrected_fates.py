"""What a person's "this was a bounce" says of whom."""

from __future__ import annotations

from services.reply_matching.domain.classification import Class
from services.reply_matching.domain.corrected_fates import fates, named_or_only

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
