"""The state machine: what may follow what, under which guard, and what each step owes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from replywire_contracts.v1.values import Failure, Identities, RecipientOutcome

from services.providers.errors import OutcomeUnknown, Permanent, ProviderError, ReauthRequired, Scope, Transient
from services.send.domain import facts, moves
from services.send.domain.backoff import Backoff
from services.send.domain.failures import failure_of
from services.send.domain.mailbox import CONNECTED, DISCONNECTED, Mailbox
from services.send.domain.outcome import Verdict, verdict
from services.send.domain.state import State
from services.send.domain.triage import before_hand_over
from tests.unit.send.messages import NOW, message

WHY = Failure(reason="busy")
SETTLE = timedelta(seconds=10)


def judged(error: ProviderError, **changes: object) -> Verdict:
    attempt = message(**({"state": State.COMMITTING, "attempts": 1, "trying_since": NOW} | changes))
    return verdict(error, attempt, NOW, Backoff(), SETTLE)


def test_silence_after_the_commit_is_unknown_and_owes_no_event_yet() -> None:
    result = judged(OutcomeUnknown("no_answer"))
    assert (result.move.to, result.move.due, result.move.event) == (State.UNKNOWN, NOW + SETTLE, None)


def test_a_temporary_refusal_is_deferred_by_the_table() -> None:
    result = judged(Transient("busy"))
    assert (result.move.to, result.move.due) == (State.DEFERRED, NOW + timedelta(minutes=1))
    assert result.pause is None


@pytest.mark.parametrize(("scope", "host"), [(Scope.MAILBOX, False), (Scope.HOST, True)])
def test_a_wider_refusal_pauses_more_than_the_message(scope: Scope, host: bool) -> None:
    result = judged(Transient("quota", scope=scope, retry_after=timedelta(minutes=7)))
    assert result.pause is not None
    assert (result.pause.until, result.host) == (NOW + timedelta(minutes=7), host)


def test_refused_credentials_park_the_message_without_spending_its_patience() -> None:
    result = judged(ReauthRequired("refused_login", code="535"))
    assert result.reauth is not None
    assert (result.move.to, result.move.due) == (State.DEFERRED, NOW)
    assert result.move.values["trying_since"] is None


def test_a_final_refusal_ends_it_with_a_remedy() -> None:
    result = judged(Permanent("refused_recipient", code="550 5.1.1", words="no such user"))
    assert (result.move.to, result.move.due) == (State.FAILED, None)
    assert result.move.values["failure"]["remedy"]


def test_patience_that_ended_makes_a_temporary_refusal_final() -> None:
    result = judged(Transient("busy"), trying_since=NOW - timedelta(hours=25))
    assert result.move.to is State.FAILED


@pytest.mark.parametrize("error", [Transient("a"), Permanent("a"), ReauthRequired("a"), OutcomeUnknown("a")])
def test_every_failure_tells_what_to_do(error: ProviderError) -> None:
    assert failure_of(error).remedy


def test_the_same_cause_publishes_the_same_id() -> None:
    attempt = message(state=State.SUBMITTING, attempts=2)
    first, again = (moves.deferred(attempt, WHY, NOW, at) for at in (NOW, NOW + timedelta(hours=1)))
    assert first.event is not None
    assert again.event is not None
    assert first.event.id == again.event.id
    other = moves.deferred(replace(attempt, attempts=3), WHY, NOW, NOW)
    assert other.event is not None
    assert other.event.id != first.event.id


def mailbox(state: str = CONNECTED) -> Mailbox:
    return Mailbox("acc-1", "acme", "memory", "ada@example.com", state, 1)


@pytest.mark.parametrize(
    ("changes", "account", "to"),
    [
        ({}, CONNECTED, None),
        ({"state": State.SUBMITTING}, CONNECTED, None),
        ({"state": State.COMMITTING}, CONNECTED, State.UNKNOWN),
        ({"state": State.COMMITTING}, DISCONNECTED, State.UNKNOWN),
        ({"state": State.UNKNOWN}, CONNECTED, None),
        ({"state": State.UNKNOWN}, DISCONNECTED, State.UNCONFIRMED),
        ({}, DISCONNECTED, State.CANCELLED),
        ({"cancel_wanted": True}, CONNECTED, State.CANCELLED),
        ({"cancel_wanted": True, "state": State.SUBMITTING}, CONNECTED, State.CANCELLED),
        ({"expires_at": NOW}, CONNECTED, State.FAILED),
    ],
)
def test_what_is_left_over_is_sorted_by_how_far_it_came(
    changes: dict[str, object], account: str, to: State | None
) -> None:
    found = before_hand_over(message(**changes), mailbox(account), NOW, SETTLE)
    assert (None if found is None else found.to) == to
    if found is not None:
        assert message(**changes).state in found.among


def test_what_servers_said_of_five_hundred_recipients_fits_an_event_of_the_bus() -> None:
    told = tuple(
        RecipientOutcome(email=f"{'r' * 250}{n}@example.org", accepted=False, code="550 5.1.1", words="лишнее " * 285)
        for n in range(500)
    )
    why = Failure(reason="refused_recipient", words="No such user")
    names = Identities(message_ids=("<m@example.com>",))
    large = message(metadata=json.dumps({"blob": "x" * 16_000}))
    for event in (facts.failed(large, why, NOW, told), facts.sent(large, names, told, NOW, NOW)):
        assert len(event.encode()) < 2**20
        assert [one.email for one in event.recipients] == [one.email for one in told]
        assert all(one.words.startswith("лишнее") for one in event.recipients)
    few = facts.failed(large, why, NOW, told[:40])
    assert few.recipients == told[:40], "nothing is cut where there is room"
