"""After an unknown outcome: looks whether the message was sent, never sends, and says so where nobody can tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from services.providers.errors import ProviderError, Unsupported
from services.providers.types import Identities, Probe, ProbeVerdict, Submitted
from services.runtime.logging import get_logger
from services.send.domain import moves
from services.send.domain.backoff import Backoff
from services.send.domain.failures import failure, failure_of
from services.send.domain.message import Message
from services.send.domain.state import State
from services.send.hand_over import outgoing_of, sent_move
from services.send.ports import Messages
from services.send.routes import Route

_log = get_logger(__name__)

Policy = Callable[[str], Awaitable[str]]
"""A team's standing decision for what stays unconfirmed: ask, resend or assume_sent."""


class Resolver:
    def __init__(self, messages: Messages, backoff: Backoff, probes: int, policy: Policy) -> None:
        self._messages = messages
        self._backoff = backoff
        self._probes = probes
        self._policy = policy

    async def look(self, message: Message, route: Route) -> moves.Move | None:
        """The move that made it sent, where it turns out to be."""
        try:
            outgoing = await outgoing_of(message, self._messages)
            probe = await route.sender.probe(outgoing, route.credentials, message.handle)
        except Unsupported:
            probe = Probe(ProbeVerdict.CANNOT_KNOW, evidence="This client cannot look.")
        except (ProviderError, LookupError) as error:
            return await self._look_later(message, error)
        match probe.verdict:
            case ProbeVerdict.FOUND:
                found = Submitted(probe.identities or Identities(), (), probe.evidence)
                move = sent_move(message, found, route.copy_hold)
                return move if await self._messages.apply(move) else None
            case ProbeVerdict.ABSENT:
                now = _now()
                why = failure("not_sent", probe.evidence, "Nothing needs to be done: it is sent now.")
                await self._messages.apply(moves.deferred(message, why, now, now))
                return None
            case ProbeVerdict.CANNOT_KNOW:
                return await self._cannot_know(message, probe.evidence, route)
            case _:
                assert_never(probe.verdict)

    async def _look_later(self, message: Message, error: Exception) -> moves.Move | None:
        _log.info("look into an unknown outcome failed", request_id=message.request_id, error=type(error).__name__)
        words = failure_of(error).words if isinstance(error, ProviderError) else str(error)
        if message.probes + 1 >= self._probes:
            return await self._cannot_know(message, words, None)
        now = _now()
        again = now + self._backoff.pause(message.probes + 1)
        await self._messages.apply(moves.probe_again(message, again, now, words))
        return None

    async def _cannot_know(self, message: Message, evidence: str, route: Route | None) -> moves.Move | None:
        now = _now()
        if not await self._messages.apply(moves.unconfirmed(message, failure("outcome_unknown", evidence), now)):
            return None
        policy = await self._policy(message.team)
        unconfirmed = replace(message, state=State.UNCONFIRMED)
        if policy == "resend":
            await self._messages.apply(moves.resend(unconfirmed, now, "team policy"))
        elif policy == "assume_sent":
            hold = None if route is None else route.copy_hold
            assumed = moves.assumed_sent(unconfirmed, now, "team policy", hold)
            if await self._messages.apply(assumed):
                return assumed
        return None


def _now() -> datetime:
    return datetime.now(UTC)
