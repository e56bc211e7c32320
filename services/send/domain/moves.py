"""Every step a message can take, as data: what must still be true of it, and what then becomes true in one write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from replywire_contracts.event import Event
from replywire_contracts.v1.values import Failure, Identities, RecipientOutcome

from services.send.domain import facts
from services.send.domain.copy import held, skipped
from services.send.domain.failures import failure
from services.send.domain.message import Message
from services.send.domain.state import HANDED_OVER, NOTHING_LEFT, State


@dataclass(frozen=True, slots=True)
class Move:
    """Applied only while the message is in one of `among` and of this `attempt` and `fence` (None: of any)."""

    message: str
    among: tuple[State, ...]
    to: State
    at: datetime
    due: datetime | None
    attempt: int | None = None
    fence: int | None = None
    also: Mapping[str, Any] = field(default_factory=dict)
    """Further facts that must still be so."""
    offer_at: datetime | None = None
    """When somebody's code may take it; with neither this nor `due` it is closed."""
    values: Mapping[str, Any] = field(default_factory=dict)
    note: Mapping[str, Any] | None = None
    """The line of history, besides its time and state; None: none is written."""
    event: Event | None = None
    """Owed from this write on."""
    trace: str = ""
    """The one that the event belongs to."""

    @property
    def unannounced(self) -> Mapping[str, Any] | None:
        """The names it has learnt that reply_matching does not know yet."""
        return self.values["identities"] if "unannounced" in self.values else None

    @property
    def copy_held_until(self) -> datetime | None:
        """Until when the sent copy is its writer's to file; None where there is nothing to file."""
        held_until: datetime | None = self.values.get("copy", {}).get("due")
        return held_until


def begin(message: Message, fence: int, now: datetime) -> Move:
    """The claim and the intent: durable before anything leaves. An attempt of an older lease that has not committed
    loses its right to, for its number is not the message's any more."""
    attempt = message.attempts + 1
    since = message.trying_since or now
    return Move(
        message.id,
        (*NOTHING_LEFT, State.SUBMITTING),
        State.SUBMITTING,
        now,
        message.due,
        attempt=message.attempts,
        values={"attempts": attempt, "trying_since": since, "handle": None, "fence": fence},
        note={"attempt": attempt},
    )


def begun_by(message: Message, move: Move) -> Message:
    """What `begin` made of it."""
    return replace(
        message,
        state=move.to,
        fence=move.values["fence"],
        attempts=move.values["attempts"],
        trying_since=move.values["trying_since"],
    )


def commit(message: Message, handle: str | None, now: datetime) -> Move:
    """The point of no return is next. Refused by the guard where another dispatcher took the message over."""
    return Move(
        message.id,
        (State.SUBMITTING,),
        State.COMMITTING,
        now,
        message.due,
        attempt=message.attempts,
        values={"handle": handle, "committing_at": now},
        note={"attempt": message.attempts},
    )


def sent(
    message: Message,
    identities: Identities,
    recipients: tuple[RecipientOutcome, ...],
    now: datetime,
    *,
    note: Mapping[str, Any],
    copy_due: datetime | None,
    sent_at: datetime | None = None,
) -> Move:
    """The provider took it. What this attempt learnt is true however late it is told, so every open state accepts it
    for as long as nobody began a newer attempt. `copy_due`: when another process may take the sent copy over, its first
    attempt being this process's; None: no copy. `sent_at`: where it is another time than now."""
    values: dict[str, Any] = {
        "sent_at": sent_at or now,
        "identities": identities.model_dump(exclude_none=True),
        "recipients_told": [outcome.model_dump() for outcome in recipients],
    }
    if set(identities.model_dump(exclude_none=True)) - {"message_ids", "marker"} or len(identities.message_ids) > 1:
        values["unannounced"] = now  # reply_matching does not know these names yet
    values["copy"] = skipped() if copy_due is None else held(copy_due)
    return Move(
        message.id,
        (*HANDED_OVER, State.UNKNOWN, State.UNCONFIRMED, *NOTHING_LEFT),
        State.SENT,
        now,
        None,
        attempt=message.attempts,
        values=values,
        note=note,
        event=facts.sent(message, identities, recipients, now, sent_at or now),
        trace=message.trace,
    )


def assumed_sent(message: Message, now: datetime, by: str, copy_hold: timedelta | None) -> Move:
    """Somebody decided to take it as sent."""
    names = Identities(message_ids=(message.message_id,), marker=message.marker)
    due = None if copy_hold is None else now + copy_hold
    return sent(message, names, (), now, note={"decision": "assume_sent", "by": by}, copy_due=due)


def deferred(message: Message, failure: Failure, retry_at: datetime, now: datetime, *, parked: bool = False) -> Move:
    """Not now. `parked`: the whole mailbox waits for its person, so this message's patience starts anew."""
    values: dict[str, Any] = {"failure": failure.model_dump(), "fence": 0, "handle": None}
    if parked:
        values["trying_since"] = None
    return Move(
        message.id,
        (*HANDED_OVER, State.UNKNOWN),
        State.DEFERRED,
        now,
        now if parked else retry_at,
        attempt=message.attempts,
        values=values,
        note={"attempt": message.attempts, "retry_at": retry_at, **failure.model_dump(exclude_defaults=True)},
        event=facts.deferred(message, failure, retry_at, now),
        trace=message.trace,
    )


def put_off(message: Message, failure: Failure, retry_at: datetime, now: datetime) -> Move:
    """Not now, and nobody's attempt: what must be done before one could not be. Its number is spent all the same."""
    tried = replace(message, attempts=message.attempts + 1)
    move = deferred(tried, failure, retry_at, now)
    values = {**move.values, "attempts": tried.attempts}
    return replace(move, among=NOTHING_LEFT, attempt=message.attempts, values=values)


def failed(message: Message, failure: Failure, now: datetime, recipients: tuple[RecipientOutcome, ...] = ()) -> Move:
    """Refused for good by the provider, or patience ended."""
    return Move(
        message.id,
        (*HANDED_OVER, State.UNKNOWN),
        State.FAILED,
        now,
        None,
        attempt=message.attempts,
        values={
            "failure": failure.model_dump(),
            "recipients_told": [outcome.model_dump() for outcome in recipients],
        },
        note={"attempt": message.attempts, **failure.model_dump(exclude_defaults=True)},
        event=facts.failed(message, failure, now, recipients),
        trace=message.trace,
    )


def dropped(message: Message, failure: Failure, now: datetime) -> Move:
    """It ends before an attempt: expired, or its account cannot send at all."""
    return Move(
        message.id,
        NOTHING_LEFT,
        State.FAILED,
        now,
        None,
        attempt=message.attempts,
        values={"failure": failure.model_dump()},
        note=failure.model_dump(exclude_defaults=True),
        event=facts.failed(message, failure, now),
        trace=message.trace,
    )


def lost(message: Message, failure: Failure, probe_at: datetime, now: datetime) -> Move:
    """It may have been sent. Never repeated from here without a look."""
    return Move(
        message.id,
        HANDED_OVER,
        State.UNKNOWN,
        now,
        probe_at,
        attempt=message.attempts,
        values={"failure": failure.model_dump(), "fence": 0, "probes": 0},
        note={"attempt": message.attempts, **failure.model_dump(exclude_defaults=True)},
    )


def probe_again(message: Message, probe_at: datetime, now: datetime, words: str) -> Move:
    """The look itself failed: look again later."""
    return Move(
        message.id,
        (State.UNKNOWN,),
        State.UNKNOWN,
        now,
        probe_at,
        attempt=message.attempts,
        values={"probes": message.probes + 1, "fence": 0},
        note={"attempt": message.attempts, "words": words, "retry_at": probe_at},
    )


def unconfirmed(message: Message, failure: Failure, now: datetime) -> Move:
    """Nobody can tell: a person or the product decides."""
    return Move(
        message.id,
        (State.UNKNOWN,),
        State.UNCONFIRMED,
        now,
        None,
        attempt=message.attempts,
        values={"failure": failure.model_dump()},
        note={"attempt": message.attempts, **failure.model_dump(exclude_defaults=True)},
        event=facts.unconfirmed(message, failure, now),
        trace=message.trace,
    )


def resend(message: Message, now: datetime, by: str) -> Move:
    """A person or a team's standing decision takes the risk of a second copy; history keeps whose it was. What has
    expired meanwhile ends instead: it was not to be sent after that."""
    decided = {"decision": "resend", "by": by}
    if message.expires_at is not None and message.expires_at <= now:
        why = failure("expired", "expires_at has passed: it is not sent again. Whether it was before is not known.")
        ended = dropped(message, why, now)
        return replace(ended, among=(State.UNCONFIRMED,), note={**decided, **(ended.note or {})})
    return Move(
        message.id,
        (State.UNCONFIRMED,),
        State.QUEUED,
        now,
        now,
        attempt=message.attempts,
        values={"fence": 0, "handle": None, "trying_since": None, **expiring(message)},
        note=decided,
    )


def expiring(message: Message) -> dict[str, Any]:
    """Its time passes again once it is open again."""
    return {} if message.expires_at is None else {"expires": message.expires_at}


def cancelled(
    message: Message, now: datetime, reason: str, by: str = "", among: tuple[State, ...] = NOTHING_LEFT
) -> Move:
    note = {"reason": reason, "by": by} if by else {"reason": reason}
    return Move(
        message.id,
        among,
        State.CANCELLED,
        now,
        None,
        attempt=message.attempts,
        note=note,
        event=facts.cancelled(message, reason, now),
        trace=message.trace,
    )


def released(message: Message, due: datetime, now: datetime) -> Move:
    """Given back untouched: nothing was tried, or what was tried ended before anything could leave."""
    return Move(
        message.id,
        (State.SUBMITTING,),
        State.QUEUED,
        now,
        due,
        attempt=message.attempts,
        fence=message.fence,
        values={"fence": 0},
    )
