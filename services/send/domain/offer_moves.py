"""The steps of a message that is given out, besides the reports about it: lapses, and what people decide. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from replywire_contracts.v1.values import Failure

from services.send.domain import moves
from services.send.domain.failures import failure
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer import GIVEN_UP, RELEASED, Given, Offer
from services.send.domain.state import NOTHING_LEFT, State

_REMEDY = (
    "Ask whoever runs the code that took it whether it was sent; a late report is still taken. Or resolve the message: "
    "resend, assume_sent or cancel."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """`lapses`: how many holders may fall silent; `patience`: how long all of it may take, from the first taking;
    `resends`: how often a standing decision has it offered anew after that, before a person must look at it."""

    lapses: int
    patience: timedelta
    resends: int = 3


def lapse(message: Message, now: datetime, terms: Terms) -> Move | None:
    """The lease is over and nothing was heard. None: it is offered again, the same bytes under the same name."""
    offer = message.offer
    if offer is None or message.state is not State.HANDED_OUT or offer.at is None or offer.at > now:
        return None
    if message.cancel_wanted:
        words = "It was to be cancelled while somebody had it, and nothing was heard."
    elif message.expires_at is not None and message.expires_at <= now:
        words = "Its time passed while somebody had it, and nothing was heard."
    elif offer.unheard >= terms.lapses:
        words = f"It was taken {message.attempts} times, and of {offer.unheard} nothing was heard."
    elif offer.first_at is not None and now - offer.first_at >= terms.patience:
        words = f"Nothing was heard of it since it was first taken, {message.attempts} times in all."
    else:
        return None
    return unconfirmed(message, failure("never_reported", words, _REMEDY), now, {"offer.lease": offer.lease})


def unconfirmed(message: Message, why: Failure, now: datetime, values: Mapping[str, Any]) -> Move:
    offer = _offer(message)
    move = moves.unconfirmed(message, why, now)
    return quiet(
        offer,
        replace(
            move,
            among=(State.HANDED_OUT,),
            attempt=None,
            also=unchanged(offer),
            values={**move.values, **values},
        ),
    )


def resent_by_policy(message: Message, now: datetime, by: str, terms: Terms) -> Move | None:
    """As the team decided once for all. None: that was done often enough for nobody ever to report it, and it rests
    `unconfirmed` until a person decides."""
    offer = _offer(message)
    return None if offer.resent >= terms.resends else offered_again(message, now, by, resent=offer.resent + 1)


def offered_again(message: Message, now: datetime, by: str, resent: int = 0) -> Move:
    """A person takes the risk of a second copy: nobody who had it before is waited for any more. Their last words
    stay as they were, so that one of them said again is known and changes nothing."""
    offer = _offer(message)
    given = [replace(each, report=each.report or GIVEN_UP, earlier=True) for each in offer.given]
    move = moves.resend(message, now, by)
    fresh = {
        "offer.given": _plain(given),
        "offer.unheard": 0,
        "offer.first_at": None,
        "offer.lease": None,
        "offer.resent": resent,
    }
    again = replace(
        move,
        due=None,
        offer_at=now if move.to is State.QUEUED else None,
        also=unchanged(offer),
        values={**move.values, **fresh, "cancel_wanted": False},
    )
    return quiet(offer, again)


def withdrawn(message: Message, now: datetime) -> Move | None:
    """Its account was disconnected. None where somebody had it: he is waited for."""
    if message.state not in NOTHING_LEFT:
        return None
    offer = _offer(message)
    return quiet(offer, moves.cancelled(message, now, "account_disconnected"))


def shown_to_nobody(message: Message, now: datetime) -> Move:
    """Taken just now, and its account turned out to be gone: whoever asked does not get it."""
    offer = _offer(message)
    given = offer.given[-1]
    values = ledger(offer, given, RELEASED)
    if any(each.report is None for each in offer.given[:-1]):
        why = failure("never_reported", "Its account was disconnected, and an earlier holder was never heard.", _REMEDY)
        return unconfirmed(message, why, now, values)
    move = moves.cancelled(message, now, "account_disconnected", among=(State.HANDED_OUT,))
    return quiet(offer, replace(move, attempt=None, also=unchanged(offer), values=values))


def stays(message: Message, values: Mapping[str, Any], note: Mapping[str, Any], now: datetime) -> Move:
    """Something was learnt, and the message is where it was."""
    offer = _offer(message)
    return Move(
        message.id,
        (message.state,),
        message.state,
        now,
        None,
        also=unchanged(offer),
        offer_at=offer.at,
        values=values,
        note=note,
        trace=message.trace,
    )


def ledger(offer: Offer, given: Given, report: str) -> dict[str, Any]:
    """What its holder said."""
    noted = [replace(each, report=report) if each is given else each for each in offer.given]
    unheard = sum(each.report is None for each in noted)
    return {"offer.given": _plain(noted), "offer.unheard": unheard}


def quiet(offer: Offer, move: Move) -> Move:
    """Of a set-up's proof nobody is told."""
    if not offer.test:
        return move
    values = {name: value for name, value in move.values.items() if name != "unannounced"}
    return replace(move, event=None, values=values)


def unchanged(offer: Offer) -> dict[str, Any]:
    return {"step": offer.seen}


def _plain(given: list[Given]) -> list[dict[str, Any]]:
    return [asdict(each) for each in given]


def _offer(message: Message) -> Offer:
    assert message.offer is not None, "only what is given out has these steps"
    return message.offer
