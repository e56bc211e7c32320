"""One attempt, whose intent is durable already: the point of no return is durable before it is passed, and what the
provider answered is one write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replywire_contracts.v1.values import Failure
from replywire_contracts.v1.values import Identities as IdentitiesValue
from replywire_contracts.v1.values import RecipientOutcome as RecipientValue

from services.providers.errors import ProviderError, ReauthRequired
from services.providers.types import Envelope, Identities, Outgoing, Phase, RecipientOutcome, Submitted
from services.runtime.failpoints import hit
from services.runtime.logging import get_logger
from services.send.domain import moves
from services.send.domain.backoff import Backoff
from services.send.domain.message import Message
from services.send.domain.outcome import Verdict, verdict
from services.send.ports import Messages
from services.send.routes import Route, Routes

_log = get_logger(__name__)

_FAILPOINTS = {
    Phase.RECIPIENTS_ACCEPTED: "send.after_rcpt",
    Phase.BODY: "send.mid_body",
    Phase.COMMITTED: "send.after_dot",
    Phase.ANSWERED: "send.after_250",
}


class Fenced(Exception):
    """Another dispatcher has taken the message over: whoever is handing it over must stop before the commit."""


class HandOver:
    def __init__(self, messages: Messages, routes: Routes, backoff: Backoff) -> None:
        self._messages = messages
        self._routes = routes
        self._backoff = backoff

    async def submit(self, message: Message, outgoing: Outgoing, route: Route) -> Submitted | Verdict | None:
        """Hand it over, once. None where another dispatcher took it over, or fresh credentials wait to be tried."""
        note = _Checkpoint(self._messages, message)
        try:
            return await route.sender.submit(outgoing, route.credentials, note)
        except Fenced:
            _log.warning("message taken over by another dispatcher", request_id=message.request_id)
            return None
        except ProviderError as error:
            if isinstance(error, ReauthRequired) and await self._routes.refreshed(route):
                await self._messages.apply(moves.released(message, _now(), _now()))
                return None
            return verdict(error, message, _now(), self._backoff, route.settle)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message must not stay in its attempt
            _log.exception("attempt failed in our own code", request_id=message.request_id)
            return self._broken(message, error, route, committing=note.committing)

    async def settle(self, message: Message, answer: Submitted | Verdict, route: Route) -> moves.Move | None:
        """Write down what came of it, in one write: the move that made it sent, where it is."""
        if isinstance(answer, Verdict):
            await self._messages.apply(answer.move)
            return None
        move = sent_move(message, answer, route.copy_hold)
        if not await self._messages.apply(move):
            _log.error("sent, but the message was closed meanwhile", request_id=message.request_id)
            return None
        return move

    def _broken(self, message: Message, error: Exception, route: Route, *, committing: bool) -> Verdict:
        """Our mistake: after the point of no return the outcome is unknown, before it nothing left."""
        now = _now()
        why = Failure(reason="internal_error", words=type(error).__name__, remedy="Tell whoever runs this service.")
        if committing:
            move = moves.lost(message, why, now + route.settle, now)
        else:
            again = self._backoff.next_try(message.attempts, message.trying_since or now, now)
            move = moves.failed(message, why, now) if again is None else moves.deferred(message, why, again, now)
        return Verdict(move)


class _Checkpoint:
    """The provider's notes of how far it came; only one of them is a write."""

    def __init__(self, messages: Messages, message: Message) -> None:
        self._messages = messages
        self._message = message
        self.committing = False

    async def __call__(self, phase: Phase, handle: str | None = None) -> None:
        if phase is Phase.COMMITTING:
            if not await self._messages.apply(moves.commit(self._message, handle, _now())):
                raise Fenced(self._message.id)
            self.committing = True
        elif phase in _FAILPOINTS:
            hit(_FAILPOINTS[phase])


async def outgoing_of(message: Message, messages: Messages) -> Outgoing:
    """The frozen bytes. Raises `LookupError` where they are gone."""
    return Outgoing(
        Envelope(message.sender, message.recipients),
        await messages.mime(message),
        message.message_id,
        message.marker,
        message.follows,
    )


def sent_move(message: Message, submitted: Submitted, copy_hold: timedelta | None) -> moves.Move:
    now = _now()
    return moves.sent(
        message,
        known_names(message, submitted.identities),
        tuple(recipient_value(each) for each in submitted.recipients),
        now,
        note={"attempt": message.attempts, "words": submitted.words[:2000]},
        copy_due=None if copy_hold is None else now + copy_hold,
    )


def known_names(message: Message, learnt: Identities | None) -> IdentitiesValue:
    """Ours first, then what the provider calls it."""
    learnt = learnt or Identities()
    ids = dict.fromkeys((message.message_id, *learnt.message_ids))
    return IdentitiesValue(
        message_ids=tuple(each for each in ids if len(each) <= 998)[:16],
        marker=message.marker,
        provider_message_id=learnt.provider_message_id,
        provider_thread_id=learnt.provider_thread_id,
        thread_index=learnt.thread_index,
    )


def recipient_value(told: RecipientOutcome) -> RecipientValue:
    return RecipientValue(
        email=told.address[:320], accepted=told.accepted, code=told.code[:64], words=told.words[:2000]
    )


def _now() -> datetime:
    return datetime.now(UTC)
