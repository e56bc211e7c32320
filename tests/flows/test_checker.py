"""The checker finds each violation that it is there for: a checker that cannot fail proves nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from replywire_contracts.event import Event
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendAccepted, SendSent
from replywire_contracts.v1.values import Identities

from tests.flows.checker import LeaseWrite, Seen, lease_violations, violations

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NAME, ANSWER = "<r-1@example.com>", "<answer@example.org>"


def message(*states: str | dict[str, Any], **changes: Any) -> dict[str, Any]:
    """As the messages API shows it; one history line a minute."""
    lines = [state if isinstance(state, dict) else {"state": state} for state in states]
    history = [{"at": (AT + timedelta(minutes=n)).isoformat(), **line} for n, line in enumerate(lines)]
    return {
        "state": history[-1]["state"],
        "identities": {"message_ids": [NAME]},
        "history": history,
        "sent_copy": {"state": "done"},
    } | changes


def event(kind: type[Event], number: str = "1", **fields: Any) -> Event:
    about = {"team_id": "acme", "correlation_id": "r-1", "request_id": "r-1", "account_id": "acc_1"}
    values = {"id": f"{kind.VERB}-{number}", "occurred_at": AT, **about, **fields}
    return kind.model_construct(**values)


ACCEPTED = event(SendAccepted)
SENT = event(SendSent, sent_at=AT, identities=Identities(message_ids=(NAME,)), attempts=1)
REPLY = event(ReplyDetected, message_id=ANSWER)
WELL = Seen(
    messages={"r-1": message("queued", "submitting", "committing", "sent")},
    ledger=Counter([NAME]),
    events=(ACCEPTED, SENT, SENT, REPLY),
    answers={"r-1": [ANSWER]},
    arrived={NAME: [(AT + timedelta(minutes=2)).timestamp()]},
    copies=Counter([NAME]),
    look_for_copies=True,
)
DEFERRED = {"state": "deferred", "retry_at": (AT + timedelta(minutes=9)).isoformat()}
WRONG: dict[str, tuple[Seen, str]] = {
    "never accepted": (replace(WELL, events=(SENT, REPLY)), "S0"),
    "not in the ledger": (replace(WELL, ledger=Counter()), "S1"),
    "lost": (replace(WELL, messages={}, ledger=Counter()), "S1"),
    "twice in the ledger": (replace(WELL, ledger=Counter([NAME, NAME])), "S2"),
    "told twice": (replace(WELL, events=(*WELL.events, event(SendSent, "2"))), "S2"),
    "resting": (replace(WELL, messages={"r-1": message("queued", "submitting")}), "S3"),
    "nobody told": (replace(WELL, events=(ACCEPTED, REPLY)), "S3"),
    "no intent": (replace(WELL, messages={"r-1": message("queued")}), "S4"),
    "before the intent": (replace(WELL, arrived={NAME: [AT.timestamp()]}), "S4"),
    "a stranger in the ledger": (replace(WELL, ledger=Counter([NAME, "<other@example.com>"])), "S4"),
    "too early": (
        replace(WELL, messages={"r-1": message("queued", "submitting", DEFERRED, "submitting", "committing", "sent")}),
        "T1",
    ),
    "no copy": (replace(WELL, copies=Counter()), "C1"),
    "two copies": (replace(WELL, copies=Counter([NAME, NAME])), "C1"),
    "a copy given up": (
        replace(WELL, messages={"r-1": message("queued", "submitting", "sent", sent_copy={"state": "stopped"})}),
        "C1",
    ),
    "an answer missed": (replace(WELL, events=(ACCEPTED, SENT)), "R1"),
    "an answer as two events": (
        replace(WELL, events=(*WELL.events, event(ReplyDetected, "2", message_id=ANSWER))),
        "R1",
    ),
    "an answer of nobody": (replace(WELL, answers={}), "R2"),
}


def test_what_went_well_has_no_violations() -> None:
    assert violations(WELL) == []


@pytest.mark.parametrize(("seen", "code"), WRONG.values(), ids=WRONG)
def test_each_violation_is_found(seen: Seen, code: str) -> None:
    assert [found for found in violations(seen) if found.startswith(code)] != []


def test_a_second_mail_that_a_person_decided_is_no_violation() -> None:
    history = message("submitting", "unconfirmed", {"state": "queued", "decision": "resend"}, "submitting", "sent")
    assert violations(replace(WELL, messages={"r-1": history}, ledger=Counter([NAME, NAME]))) == []


def test_an_attempt_at_its_time_is_no_violation() -> None:
    again = {"state": "submitting", "at": DEFERRED["retry_at"]}
    history = message("queued", "submitting", DEFERRED, again, "sent")
    assert violations(replace(WELL, messages={"r-1": history})) == []


def write(second: float, **fields: Any) -> LeaseWrite:
    return LeaseWrite("acc_1", AT + timedelta(seconds=second), fields)


def test_leases_that_run_out_are_released_or_renewed_may_change_hands() -> None:
    until = AT + timedelta(seconds=10)
    assert not list(
        lease_violations(
            [
                write(0, owner="a", token=1, until=until),
                write(5, until=until + timedelta(seconds=5)),
                write(16, owner="b", token=2, until=until + timedelta(seconds=20)),
                write(17, owner=None, until=AT),
                write(17, owner="a", token=3, until=until + timedelta(seconds=20)),
            ]
        )
    )


def test_a_lease_taken_while_it_is_held_is_found() -> None:
    until = AT + timedelta(seconds=10)
    stolen = [write(0, owner="a", token=1, until=until), write(9, owner="b", token=2, until=until)]
    assert len(list(lease_violations(stolen))) == 1


def test_a_lease_that_changes_hands_without_a_new_number_is_found() -> None:
    until = AT + timedelta(seconds=10)
    same = [write(0, owner="a", token=1, until=until), write(11, owner="b", token=1, until=until)]
    assert len(list(lease_violations(same))) == 1
