"""A person or a team's standing decision sends once more what nobody can confirm, within the time that it was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from replywire_contracts.v1.send import SendFailed

from services.send.adapters.documents import document_of, message_of, update_of
from services.send.domain import moves
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer_moves import lapse, offered_again, resent_by_policy
from services.send.domain.rulings import Heard, ruling
from services.send.domain.state import State
from tests.unit.send.messages import NOW, message
from tests.unit.send.test_reports import TERM, TERMS, applied, fresh, report, taken

OVER = NOW + timedelta(hours=1)


def test_a_resend_before_its_time_is_over_lets_it_pass_again() -> None:
    move = moves.resend(message(state=State.UNCONFIRMED, due=None, expires_at=OVER), NOW, "ada")
    assert (move.to, move.due) == (State.QUEUED, NOW)
    assert update_of(move, "step")[0]["$set"]["expires"] == OVER


def test_a_resend_after_it_ends_the_message_and_says_why_and_who() -> None:
    move = moves.resend(message(state=State.UNCONFIRMED, due=None, expires_at=OVER), OVER, "ada")
    assert (move.to, move.among) == (State.FAILED, (State.UNCONFIRMED,))
    assert move.values["failure"]["reason"] == "expired"
    assert move.note is not None
    assert (move.note["decision"], move.note["by"], move.note["reason"]) == ("resend", "ada", "expired")


def test_a_closed_message_still_knows_its_time() -> None:
    stored = document_of(message(expires_at=OVER), facts={}, note={}, events=())
    del stored["expires"]  # as every closing write does
    assert message_of(stored).expires_at == OVER


def unconfirmed_by_a_failure_after_silence() -> Message:
    """A fell silent; B said that it failed."""
    stored = fresh()
    for step, (lease, now) in enumerate((("a", NOW), ("b", NOW + 2 * TERM)), start=1):
        held = taken(stored, lease, now, step)
        assert held is not None
        stored = held
    told = ruling(stored, report("failed", "b"), NOW + 2 * TERM, TERMS.patience)
    return done(stored, told.move, 3)


def done(stored: Message, move: Move | None, step: int) -> Message:
    assert move is not None
    after = applied(stored, move, step)
    assert after is not None
    return after


def test_a_failure_told_again_does_not_undo_a_resend() -> None:
    stored = unconfirmed_by_a_failure_after_silence()
    assert stored.state is State.UNCONFIRMED
    later = NOW + 3 * TERM
    stored = done(stored, offered_again(stored, later, "ada"), 4)
    again = ruling(stored, report("failed", "b"), later, TERMS.patience)
    assert (again.heard, again.move) == (Heard.KNOWN, None)
    held = taken(stored, "c", later, 5)
    assert held is not None
    again = ruling(held, report("failed", "b"), later, TERMS.patience)
    assert (again.heard, again.move) == (Heard.KNOWN, None)
    assert ruling(held, report("failed", "a"), later, TERMS.patience).move is None
    given_back = ruling(held, report("released", "c", later), later, TERMS.patience)
    assert given_back.move is not None
    assert given_back.move.to is State.QUEUED, "that B failed was known when it was sent again"


@pytest.mark.parametrize("passed", [False, True])
def test_a_resend_of_what_has_expired_ends_it_and_another_keeps_its_time(passed: bool) -> None:
    over = NOW + 4 * TERM
    stored = replace(unconfirmed_by_a_failure_after_silence(), expires_at=over)
    move = offered_again(stored, over if passed else NOW + 3 * TERM, "ada")
    if passed:
        assert (move.to, move.values["failure"]["reason"], move.offer_at) == (State.FAILED, "expired", None)
        assert isinstance(move.event, SendFailed)
        late = ruling(done(stored, move, 9), report("sent", "a"), over, TERMS.patience)
        assert late.heard is Heard.LATE
    else:
        assert (move.to, move.values["expires"]) == (State.QUEUED, over)


def test_what_is_given_back_while_unconfirmed_keeps_its_time() -> None:
    held = taken(replace(fresh(), expires_at=NOW + timedelta(days=1)), "a", NOW, 1)
    assert held is not None
    parked = replace(held, state=State.UNCONFIRMED)
    told = ruling(parked, report("released", "a"), NOW, TERMS.patience)
    assert told.move is not None
    assert told.move.values["expires"] == held.expires_at


def test_a_standing_decision_is_followed_some_times_and_a_persons_begins_anew() -> None:
    stored, now, step = fresh(), NOW, 1
    for _ in range(TERMS.resends):
        stored, now, step = silent(stored, now, step)
        again = resent_by_policy(stored, now, "team policy", TERMS)
        assert again is not None
        assert again.to is State.QUEUED
        stored, step = done(stored, again, step), step + 1
    stored, now, step = silent(stored, now, step)
    assert resent_by_policy(stored, now, "team policy", TERMS) is None, "nobody ever reports it: somebody must look"
    stored, step = done(stored, offered_again(stored, now, "ada"), step), step + 1
    stored, now, step = silent(stored, now, step)
    assert resent_by_policy(stored, now, "team policy", TERMS) is not None


def silent(stored: Message, now: datetime, step: int) -> tuple[Message, datetime, int]:
    """Taken as often as it may be and never reported: unconfirmed."""
    for number in range(TERMS.lapses):
        held = taken(stored, f"lease-{step + number}", now, step + number)
        assert held is not None
        stored, now = held, now + 2 * TERM
    step += TERMS.lapses
    return done(stored, lapse(stored, now, TERMS), step), now, step + 1
