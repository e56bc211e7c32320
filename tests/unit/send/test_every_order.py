"""Dispatchers that sleep, die and come back, a provider, and people: every order of what they can do, up to a bound.

Whatever happens, the mail leaves once more only where somebody decided so, and what left is never called unsent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from replywire_contracts.v1.values import Failure, Identities

from services.send.domain import moves
from services.send.domain.mailbox import CONNECTED, Mailbox
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.state import CLOSED, HANDED_OVER, NOTHING_LEFT, State
from services.send.domain.triage import before_hand_over
from tests.unit.send.messages import NOW, message

WHY = Failure(reason="busy")
NAMES = Identities(message_ids=("<m@example.com>",), marker="abc")
MAILBOX = Mailbox("acc-1", "acme", "memory", "ada@example.com", CONNECTED, 1)
DISPATCHERS = 3
"""How often the mailbox changes hands: the first dispatcher's late deeds meet a second's and a third's."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one dispatcher believes: `step` is the last it took."""

    step: str
    seen: Message


@dataclass(frozen=True, slots=True)
class World:
    stored: Message
    attempts: tuple[Attempt, ...] = ()
    leases: int = 0
    left: int = 0
    resent: int = 0


def applied(stored: Message, move: Move) -> Message | None:
    """As the database does it: None where the guard does not hold."""
    if stored.state not in move.among or move.attempt not in (None, stored.attempts):
        return None
    if move.fence not in (None, stored.fence):
        return None
    values = {name: value for name, value in move.values.items() if name in Message.__dataclass_fields__}
    return replace(stored, state=move.to, due=move.due, **values)


def nexts(world: World) -> Iterator[World]:
    yield from _a_new_lease(world)
    for place, attempt in enumerate(world.attempts):
        others = world.attempts[:place] + world.attempts[place + 1 :]
        yield replace(world, attempts=others)  # it dies where it stands
        yield from _a_step(replace(world, attempts=others), attempt)
    for move in _decisions(world.stored):
        stored = applied(world.stored, move)
        if stored is not None:
            yield replace(world, stored=stored, resent=world.resent + _is_resend(move))


def _a_new_lease(world: World) -> Iterator[World]:
    if world.leases == DISPATCHERS or world.stored.due is None:
        return
    fence = world.leases + 1
    taken = replace(world, leases=fence)
    move = before_hand_over(world.stored, MAILBOX, NOW, NOW - NOW)
    if move is not None:
        stored = applied(world.stored, move)
        assert stored is not None, "what was just read can be moved"
        yield replace(taken, stored=stored)
    elif world.stored.state in (*NOTHING_LEFT, State.SUBMITTING):
        seen = replace(world.stored, fence=fence)  # what it will write as its own
        yield replace(taken, attempts=(*world.attempts, Attempt("looked", seen)))


def _a_step(world: World, attempt: Attempt) -> Iterator[World]:
    """`world` without the attempt; it comes back where it goes on."""
    seen = attempt.seen
    match attempt.step:
        case "looked":
            yield from _move(world, moves.put_off(seen, WHY, NOW, NOW))  # reply_matching could not take it
            stored = applied(world.stored, moves.begin(seen, seen.fence, NOW))
            if stored is not None:
                yield replace(world, stored=stored, attempts=(*world.attempts, Attempt("begun", stored)))
        case "begun":
            stored = applied(world.stored, moves.commit(seen, None, NOW))
            if stored is not None:
                yield replace(world, stored=stored, attempts=(*world.attempts, Attempt("committed", seen)))
            yield from _move(world, moves.deferred(seen, WHY, NOW, NOW))
            yield from _move(world, moves.released(seen, NOW, NOW))
            yield from _move(world, moves.failed(seen, WHY, NOW))
        case "committed":
            yield replace(world, left=world.left + 1, attempts=(*world.attempts, Attempt("left", seen)))
            yield from _move(world, moves.deferred(seen, WHY, NOW, NOW))  # refused after the dot: it did not leave
        case "left":
            yield from _move(world, moves.sent(seen, NAMES, (), NOW, note={}, copy_due=None))
            yield from _move(world, moves.lost(seen, WHY, NOW, NOW))


def _move(world: World, move: Move) -> Iterator[World]:
    stored = applied(world.stored, move)
    if stored is not None:
        yield replace(world, stored=stored)


def _decisions(stored: Message) -> Iterator[Move]:
    yield moves.cancelled(stored, NOW, "requested")
    if stored.state is State.UNKNOWN:
        yield moves.unconfirmed(stored, WHY, NOW)
        yield moves.probe_again(stored, NOW, NOW, "") if stored.probes == 0 else moves.unconfirmed(stored, WHY, NOW)
    if stored.state is State.UNCONFIRMED:
        yield moves.resend(stored, NOW, "somebody")
        yield moves.assumed_sent(stored, NOW, "somebody", None)


def _is_resend(move: Move) -> bool:
    return (move.note or {}).get("decision") == "resend"


def wrong(world: World) -> str:
    stored = world.stored
    if world.left > 1 + world.resent:
        return "it left again and nobody decided so"
    if world.left and not world.resent and stored.state in (State.FAILED, *NOTHING_LEFT):
        return f"it left and is called {stored.state}"
    if stored.state in CLOSED and stored.due is not None:
        return "it is closed and will be looked at again"
    if stored.state in HANDED_OVER and not stored.attempts:
        return "it is handed over by no attempt"
    return ""


def test_no_order_of_events_sends_it_twice_or_denies_that_it_left() -> None:
    seen = {World(message())}
    frontier = list(seen)
    while frontier:
        world = frontier.pop()
        for following in nexts(world):
            assert not wrong(following), (wrong(following), following)
            if following not in seen:
                seen.add(following)
                frontier.append(following)
    ends = {world.stored.state for world in seen}
    # What the customer's own code takes is not a dispatcher's: see test_reports.
    assert ends == set(State) - {State.HANDED_OUT}, "every state was reached, so the bound is not too narrow"
