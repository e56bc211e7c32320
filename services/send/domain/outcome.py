"""What an error of the provider means for the message, for its mailbox and for its host. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from replywire_contracts.v1.values import Failure

from services.providers.errors import OutcomeUnknown, ProviderError, ReauthRequired, Scope, Transient
from services.send.domain import moves
from services.send.domain.backoff import LONGEST_RETRY_AFTER, Backoff
from services.send.domain.failures import failure_of, patience_ended
from services.send.domain.message import Message

REAUTH_LOOK = timedelta(hours=1)
"""What `send.deferred` names as its time while the mailbox waits for its person."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The whole mailbox rests until then, for this reason."""

    until: datetime
    failure: Failure


@dataclass(frozen=True, slots=True)
class Verdict:
    """`host`: the pause is for everybody at this host. `reauth`: these credentials were refused."""

    move: moves.Move
    pause: Pause | None = None
    host: bool = False
    retry_after: timedelta | None = None
    reauth: ReauthRequired | None = None


def verdict(error: ProviderError, message: Message, now: datetime, backoff: Backoff, settle: timedelta) -> Verdict:
    """`message` is in its attempt; `settle` is how long the provider's own answer takes to be true."""
    why = failure_of(error)
    if isinstance(error, OutcomeUnknown):
        return Verdict(moves.lost(message, why, now + settle, now))
    if isinstance(error, ReauthRequired):
        return Verdict(moves.deferred(message, why, now + REAUTH_LOOK, now, parked=True), reauth=error)
    if isinstance(error, Transient):
        return _transient(error, why, message, now, backoff)
    return Verdict(moves.failed(message, why, now))


def _transient(error: Transient, why: Failure, message: Message, now: datetime, backoff: Backoff) -> Verdict:
    again = backoff.next_try(message.attempts, message.trying_since or now, now, error.retry_after)
    move = (
        moves.failed(message, patience_ended(why), now) if again is None else moves.deferred(message, why, again, now)
    )
    if error.scope is Scope.MESSAGE:
        return Verdict(move)
    rest = backoff.mailbox_rest if error.retry_after is None else min(error.retry_after, LONGEST_RETRY_AFTER)
    host = error.scope is Scope.HOST
    return Verdict(move, Pause(now + rest, why), host=host, retry_after=error.retry_after)
