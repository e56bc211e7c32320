"""Whatever the customer's code reports, in whatever order and however often: what left is called sent, nothing else is
called failed, and the same facts always lead to the same end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from replywire_contracts.event import Event
from replywire_contracts.v1.send import SendFailed, SendSent
from replywire_contracts.v1.values import Failure, Identities

from services.send.domain import moves
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer import GIVEN_UP, SENT, Given, Offer
from services.send.domain.offer_moves import Terms, lapse, offered_again
from services.send.domain.rulings import FailedReport, Heard, Release, Report, SentReport, ruling
from services.send.domain.state import NOTHING_LEFT, State
from tests.unit.send.messages import NOW, message

TERMS = Terms(lapses=3, patience=timedelta(hours=24))
WHY = Failure(reason="refused", words="no")
FREE = (*NOTHING_LEFT, State.HANDED_OUT)
TERM = timedelta(minutes=5)


def fresh() -> Message:
    return message(due=None, offer=Offer(at=NOW, ready=True, seen="0"))


def applied(stored: Message, move: Move, step: int) -> Message | None:
    """As the database does it: None where the guard does not hold."""
    offer = stored.offer
    assert offer is not None
    if stored.state not in move.among or move.attempt not in (None, stored.attempts):
        return None
    if move.also.get("step", offer.seen) != offer.seen:
        return None
    own = {name: value for name, value in move.values.items() if name in Message.__dataclass_fields__}
    changed = {name.removeprefix("offer."): v for name, v in move.values.items() if name.startswith("offer.")}
    if "given" in changed:
        changed["given"] = tuple(Given(**each) for each in changed["given"])
    if "identities" in move.values:
        changed["names"] = Identities(**move.values["identities"])
    offer = replace(offer, **changed, at=move.offer_at, seen=str(step))
    return replace(stored, state=move.to, due=move.due, offer=offer, **own)


def taken(stored: Message, lease: str, now: datetime, step: int) -> Message | None:
    """As the adapter takes it."""
    offer = stored.offer
    assert offer is not None
    if stored.state not in FREE or offer.at is None or offer.at > now or offer.unheard >= TERMS.lapses:
        return None
    if stored.cancel_wanted:
        return None
    offer = replace(
        offer,
        at=now + TERM,
        lease=lease,
        unheard=offer.unheard + 1,
        given=(*offer.given, Given(lease, "key", now)),
        first_at=offer.first_at or now,
        seen=str(step),
    )
    return replace(stored, state=State.HANDED_OUT, attempts=stored.attempts + 1, offer=offer)


def report(kind: str, lease: str, now: datetime = NOW) -> Report:
    names = Identities(message_ids=("<m@example.com>", f"<{lease}@example.net>"), marker="abc")
    match kind:
        case "sent":
            return SentReport(lease, now, names)
        case "failed":
            return FailedReport(lease, WHY)
        case _:
            return Release(lease, now, WHY)


def honest(stored: Message) -> None:
    """What may have left is not called unsent."""
    assert stored.offer is not None
    silent = [given for given in stored.offer.given if given.report is None]
    assert stored.offer.unheard == len(silent)
    if stored.state in (*NOTHING_LEFT, State.FAILED):
        assert not silent
    if stored.state is State.HANDED_OUT:
        assert silent


class Queue(RuleBasedStateMachine):
    """Workers that take, fall silent, and report at any time, again and again; a sweeper; and people."""

    def __init__(self) -> None:
        super().__init__()
        self.message = fresh()
        self.now = NOW
        self.step = 0
        self.leases: list[str] = []
        self.events: list[Event] = []
        self.left = False
        self.earlier: set[str] = set()
        """Leases from before the last resend."""

    def apply(self, move: Move | None) -> None:
        if move is None:
            return
        self.step += 1
        stored = applied(self.message, move, self.step)
        assert stored is not None, "what was just read can be moved"
        self.message = stored
        if move.event is not None:
            self.events.append(move.event)

    @rule()
    def take(self) -> None:
        lease = f"lease-{len(self.leases)}"
        self.step += 1
        stored = taken(self.message, lease, self.now, self.step)
        if stored is not None:
            assert not self.left or not _heard_sent(self.message), "what is known to have left is given to nobody"
            self.message = stored
            self.leases.append(lease)

    @rule(minutes=st.sampled_from([1, 6, 6, 6, 60 * 25]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.apply(lapse(self.message, self.now, TERMS))

    @precondition(lambda self: self.leases)
    @rule(kind=st.sampled_from(["failed", "released", "failed", "released", "sent"]), data=st.data())
    def tell(self, kind: str, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        before = self.message
        told = ruling(before, report(kind, lease, self.now), self.now, TERMS.patience)
        assert told.heard is not Heard.UNKNOWN_LEASE
        self.apply(told.move)
        self.left = self.left or kind == "sent"
        again = ruling(self.message, report(kind, lease, self.now), self.now, TERMS.patience)
        assert again.move is None, "told twice, it changes nothing more"
        if kind == "sent":
            assert self.message.state is State.SENT

    @precondition(lambda self: self.message.state is State.UNCONFIRMED)
    @rule(decision=st.sampled_from(["resend", "cancel"]))
    def decide(self, decision: str) -> None:
        if decision == "resend":
            self.apply(offered_again(self.message, self.now, "somebody"))
            self.earlier = set(self.leases)
        else:
            self.apply(moves.cancelled(self.message, self.now, "unconfirmed", among=(State.UNCONFIRMED,)))

    @precondition(lambda self: self.earlier)
    @rule(kind=st.sampled_from(["failed", "released"]), data=st.data())
    def replay_from_before_a_resend(self, kind: str, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(sorted(self.earlier)))
        told = ruling(self.message, report(kind, lease, self.now), self.now, TERMS.patience)
        assert told.move is None, "whoever had it before a person decided to send it again undoes that by nothing"
        assert told.heard in (Heard.KNOWN, Heard.CLOSED)

    @invariant()
    def it_fails_only_by_those_who_had_it_since_it_was_resent(self) -> None:
        assert self.message.offer is not None
        since = [given for given in self.message.offer.given if given.lease not in self.earlier]
        if self.message.state is State.FAILED:
            assert since

    @rule(seldom=st.integers(0, 9))
    def ask_to_cancel(self, seldom: int) -> None:
        if seldom:
            return  # it ends most of what could still happen
        if self.message.state in NOTHING_LEFT:
            self.apply(moves.cancelled(self.message, self.now, "requested"))
        elif self.message.state is State.HANDED_OUT:
            self.message = replace(self.message, cancel_wanted=True)

    @rule()
    def report_under_a_lease_that_never_was(self) -> None:
        told = ruling(self.message, report("sent", "made-up"), self.now, TERMS.patience)
        assert (told.heard, told.move) == (Heard.UNKNOWN_LEASE, None)

    @invariant()
    def what_left_is_called_sent_and_told_once(self) -> None:
        assert (self.message.state is State.SENT) == self.left
        assert len([event for event in self.events if isinstance(event, SendSent)]) == self.left

    @invariant()
    def what_may_have_left_is_not_called_unsent(self) -> None:
        honest(self.message)

    @invariant()
    def only_what_is_open_is_offered(self) -> None:
        offer = self.message.offer
        assert offer is not None
        assert (offer.at is not None) == (self.message.state in FREE)

    @invariant()
    def each_end_is_told_by_one_event(self) -> None:
        assert len({event.id for event in self.events if isinstance(event, SendFailed)}) <= 1


def _heard_sent(stored: Message) -> bool:
    assert stored.offer is not None
    return any(given.report == SENT for given in stored.offer.given)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


def _ends(kinds: tuple[str, ...]) -> Iterator[tuple[tuple[int, ...], State]]:
    """Each of so many takers fell silent until the last had it; then they report, in every order, some twice."""
    for order in itertools.permutations(range(len(kinds))):
        stored, now = fresh(), NOW
        for number in range(len(kinds)):
            held = taken(stored, f"lease-{number}", now, number + 1)
            assert held is not None
            stored, now = held, now + 2 * TERM
        for step, number in enumerate((*order, *order)):
            told = ruling(stored, report(kinds[number], f"lease-{number}", now), now, TERMS.patience)
            if told.move is not None:
                after = applied(stored, told.move, 100 + step)
                assert after is not None
                stored = after
                honest(stored)
        yield order, stored.state


@pytest.mark.parametrize("kinds", list(itertools.product(["sent", "failed", "released"], repeat=3)))
def test_the_same_reports_lead_to_the_same_end_in_every_order(kinds: tuple[str, ...]) -> None:
    expected = State.SENT if "sent" in kinds else State.FAILED if "failed" in kinds else State.QUEUED
    ends = dict(_ends(kinds))
    assert set(ends.values()) == {expected}, ends


def test_silence_is_borne_so_often_and_then_a_person_decides() -> None:
    stored, now = fresh(), NOW
    for number in range(TERMS.lapses):
        held = taken(stored, f"lease-{number}", now, number + 1)
        assert held is not None
        assert lapse(held, now, TERMS) is None, "its holder still has it"
        stored, now = held, now + 2 * TERM
        assert (lapse(stored, now, TERMS) is None) == (number + 1 < TERMS.lapses)
    assert taken(stored, "one more", now, 99) is None
    move = lapse(stored, now, TERMS)
    assert move is not None
    assert (move.to, move.event and move.event.kind()) == (State.UNCONFIRMED, "mail.v1.send.unconfirmed")


def test_a_resend_waits_for_nobody_who_had_it_before_and_still_believes_them() -> None:
    stored = taken(fresh(), "old", NOW, 1)
    assert stored is not None
    lapsed = lapse(stored, NOW + timedelta(hours=25), TERMS)
    assert lapsed is not None
    stored = applied(stored, lapsed, 2)
    assert stored is not None
    stored = applied(stored, offered_again(stored, NOW, "ada"), 3)
    assert stored is not None
    assert stored.offer is not None
    assert [given.report for given in stored.offer.given] == [GIVEN_UP]
    held = taken(stored, "new", NOW, 4)
    assert held is not None
    failed = ruling(held, report("failed", "new"), NOW, TERMS.patience)
    assert failed.move is not None
    assert failed.move.to is State.FAILED
    late = ruling(held, report("sent", "old"), NOW, TERMS.patience)
    assert (late.heard, late.move and late.move.to) == (Heard.LATE, State.SENT)


def test_a_proof_of_a_set_up_is_told_to_nobody() -> None:
    stored = message(due=None, offer=Offer(at=NOW, ready=True, test=True))
    held = taken(stored, "lease", NOW, 1)
    assert held is not None
    for kind in ("sent", "failed", "released"):
        told = ruling(held, report(kind, "lease"), NOW, TERMS.patience)
        assert told.move is not None
        assert told.move.event is None
        assert "unannounced" not in told.move.values
