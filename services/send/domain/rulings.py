"""What a report of the customer's own code changes. Pure.

Their word is the only evidence there is, so it is weighed as facts are: `sent` is true however late it is told and
whoever has the message by now; `failed` and `released` speak for their own holder alone, and only once every holder was
heard is it known that nothing left. So the order in which reports arrive makes no difference to where they lead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from replywire_contracts.v1.values import Failure, Identities, RecipientOutcome

from services.send.domain import facts, moves
from services.send.domain.failures import failure, patience_ended
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer import FAILED, RELEASED, SENT, Given, Offer
from services.send.domain.offer_moves import ledger, quiet, stays, unchanged, unconfirmed
from services.send.domain.state import State

_NOT_SENT = tuple(state for state in State if state is not State.SENT)
_UNHEARD = "An earlier holder of this message was never heard: it may have sent it."


class Heard(StrEnum):
    """What became of a report."""

    RECORDED = "recorded"
    KNOWN = "known"
    """It was told before, or it changes nothing."""
    LATE = "late"
    """A former holder sent it: it is taken back from the queue."""
    PASSED_ON = "passed_on"
    """Noted for its own holder; the message is not his any more."""
    CLOSED = "closed"
    """The message has ended otherwise."""
    UNKNOWN_LEASE = "unknown_lease"


@dataclass(frozen=True, slots=True)
class Ruling:
    heard: Heard
    move: Move | None = None


@dataclass(frozen=True, slots=True)
class SentReport:
    lease: str
    sent_at: datetime
    names: Identities
    """Ours first, then what their server and their mailbox call it."""
    words: str = ""
    recipients: tuple[RecipientOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedReport:
    lease: str
    why: Failure
    recipients: tuple[RecipientOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """Given back: nothing left."""

    lease: str
    again_at: datetime
    why: Failure


Report = SentReport | FailedReport | Release


def ruling(message: Message, report: Report, now: datetime, patience: timedelta) -> Ruling:
    """`patience`: for how long it may be given back, from when it was first taken."""
    offer = _offer(message)
    given = next((each for each in offer.given if each.lease == report.lease), None)
    if given is None:
        return Ruling(Heard.UNKNOWN_LEASE)
    if isinstance(report, SentReport):
        return _sent(message, offer, given, report, now)
    told = FAILED if isinstance(report, FailedReport) else RELEASED
    if given.report == told:
        return Ruling(Heard.KNOWN)
    if given.report in (SENT, FAILED) or message.state in (State.SENT, State.CANCELLED):
        return Ruling(Heard.CLOSED)  # its holder's last word is spoken, or the message's is
    if given.earlier:
        return Ruling(Heard.KNOWN)  # it was decided without him, and whoever had it since speaks for it
    values = ledger(offer, given, told)
    unheard = [other for other in offer.given if other is not given and other.report is None]
    if message.state is State.FAILED:
        return Ruling(Heard.KNOWN, stays(message, values, _about(given, report.why.words), now))
    if offer.lease not in (None, report.lease) and message.state is not State.UNCONFIRMED:
        note = _about(given, report.why.words) | {"late": True}
        return Ruling(Heard.PASSED_ON, stays(message, values, note, now))  # whoever has it now decides
    if isinstance(report, Release) and offer.lease is None and offer.at is not None:
        report = replace(report, again_at=offer.at)  # it is offered again already
    move = (
        _in_doubt(message, given, report, values, now, patience)
        if unheard
        else _nothing_left(message, given, report, values, now, patience)
    )
    return Ruling(Heard.RECORDED, move)


def _sent(message: Message, offer: Offer, given: Given, report: SentReport, now: datetime) -> Ruling:
    values, note = ledger(offer, given, SENT), _about(given, report.words)
    if message.state is State.SENT:
        if given.report == SENT:
            return Ruling(Heard.KNOWN)
        # Two holders sent it, or a person assumed so: what it was called this time leads home as well.
        return Ruling(Heard.KNOWN, quiet(offer, stays(message, values | _more(offer, report.names, now), note, now)))
    late = message.state is not State.HANDED_OUT or offer.lease != report.lease
    if late:
        note["late"] = True
    move = moves.sent(message, report.names, report.recipients, now, note=note, copy_due=None, sent_at=report.sent_at)
    move = replace(move, among=_NOT_SENT, attempt=None, also=unchanged(offer), values={**move.values, **values})
    return Ruling(Heard.LATE if late else Heard.RECORDED, quiet(offer, move))


def _more(offer: Offer, names: Identities, now: datetime) -> dict[str, Any]:
    known = offer.names
    ids = tuple(dict.fromkeys((*(known.message_ids if known else ()), *names.message_ids)))[:16]
    thread = (known.provider_thread_id if known else None) or names.provider_thread_id
    if known is not None and ids == known.message_ids and thread == known.provider_thread_id:
        return {}
    merged = Identities(message_ids=ids, marker=names.marker, provider_thread_id=thread)
    return {"identities": merged.model_dump(exclude_none=True), "unannounced": now}


def _in_doubt(
    message: Message,
    given: Given,
    report: FailedReport | Release,
    values: dict[str, Any],
    now: datetime,
    patience: timedelta,
) -> Move:
    """Others had it and said nothing."""
    note = _about(given, report.why.words)
    if message.state is State.UNCONFIRMED:
        return stays(message, values, note, now)
    if isinstance(report, Release) and not (message.cancel_wanted or _impatient(message, now, patience)):
        return replace(stays(message, {**values, "offer.lease": None}, note, now), offer_at=report.again_at)
    why = failure("outcome_unknown", f"{report.why.words} {_UNHEARD}".strip())
    return unconfirmed(message, why, now, values)


def _nothing_left(
    message: Message,
    given: Given,
    report: FailedReport | Release,
    values: dict[str, Any],
    now: datetime,
    patience: timedelta,
) -> Move:
    """Everybody who ever had it was heard, and nobody sent it."""
    refused = isinstance(report, FailedReport) or any(
        each.report == FAILED and not each.earlier for each in _offer(message).given
    )
    if refused or _impatient(message, now, patience):
        recipients = report.recipients if isinstance(report, FailedReport) else ()
        ended = moves.failed(message, report.why if refused else patience_ended(report.why), now, recipients)
    elif message.cancel_wanted:
        ended = moves.cancelled(message, now, "requested")
    elif message.expires_at is not None and message.expires_at <= now:
        why = failure("expired", "expires_at has passed before it could be sent.")
        ended = moves.dropped(message, why, now)
    else:
        return _again(message, given, report, values, now)
    return quiet(
        _offer(message),
        replace(
            ended,
            among=(message.state,),
            attempt=None,
            also=unchanged(_offer(message)),
            values={**ended.values, **values},
            note={**(ended.note or {}), **_about(given, report.why.words)},
        ),
    )


def _again(
    message: Message, given: Given, report: FailedReport | Release, values: dict[str, Any], now: datetime
) -> Move:
    assert isinstance(report, Release)
    later = report.again_at > now
    told = {"retry_at": report.again_at, "reason": report.why.reason} if later else {}
    reopened = {**values, **moves.expiring(message), "offer.lease": None}
    move = stays(message, reopened, _about(given, report.why.words) | told, now)
    if later:
        move = replace(
            move,
            values={**move.values, "failure": report.why.model_dump()},
            event=facts.deferred(message, report.why, report.again_at, now),
        )
    to = State.DEFERRED if later else State.QUEUED
    return quiet(_offer(message), replace(move, to=to, offer_at=report.again_at))


def _impatient(message: Message, now: datetime, patience: timedelta) -> bool:
    first = _offer(message).first_at
    return first is not None and now - first >= patience


def _about(given: Given, words: str) -> dict[str, Any]:
    note: dict[str, Any] = {"by": given.by, "lease": given.lease[:8]}
    return note | ({"words": words} if words else {})


def _offer(message: Message) -> Offer:
    assert message.offer is not None, "only what is given out can be reported"
    return message.offer
