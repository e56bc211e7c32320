"""Sees to what was taken and never reported: it is offered again some times, then a person or the product decides; a
standing decision of theirs is followed some times and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge

from services.runtime.logging import get_logger
from services.send.bells import Bells
from services.send.domain import moves
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer_moves import Terms, lapse, resent_by_policy
from services.send.domain.state import State
from services.send.ports import Messages, Offers

_PAGE = 500
_OUT = Gauge("replywire_external_messages", "Messages in the hands of customers' code, by status", ("status",))
_NEVER_REPORTED = Counter("replywire_external_never_reported_total", "Messages given up after silence")
_RESENDS_ENDED = Counter(
    "replywire_external_resends_ended_total",
    "Messages offered anew by their team's decision as often as it may be, and never reported: a person must look",
)
_log = get_logger(__name__)


class Lapsing:
    """`policy`: a team's standing decision about what nobody can confirm."""

    def __init__(
        self,
        offers: Offers,
        messages: Messages,
        bells: Bells,
        terms: Terms,
        policy: Callable[[str], Awaitable[str]],
        on_sent: Callable[[Message, Move], None],
    ) -> None:
        self._offers = offers
        self._messages = messages
        self._bells = bells
        self._terms = terms
        self._policy = policy
        self._on_sent = on_sent

    async def sweep(self) -> None:
        while True:
            found = await self._offers.lapsed(datetime.now(UTC), self._terms, _PAGE)
            ended = await asyncio.gather(*(self._one(message) for message in found))
            if not any(ended) or len(found) < _PAGE:
                break
        for status, number in (await self._offers.counts(datetime.now(UTC))).items():
            _OUT.labels(status).set(number)

    async def _one(self, message: Message) -> bool:
        now = datetime.now(UTC)
        move = lapse(message, now, self._terms)
        if move is None or not await self._messages.apply(move):
            return False
        _NEVER_REPORTED.inc()
        _log.warning(
            "taken and never reported", team_id=message.team, request_id=message.request_id, taken=message.attempts
        )
        await self._decide(replace(message, state=State.UNCONFIRMED), now)
        return True

    async def _decide(self, message: Message, now: datetime) -> None:
        policy = await self._policy(message.team)
        if policy == "ask":
            return
        fresh = (await self._offers.read([message.id])).get(message.id)
        if fresh is None or fresh.state is not State.UNCONFIRMED:
            return
        if policy == "resend":
            again = resent_by_policy(fresh, now, "team policy", self._terms)
            if again is None:
                _RESENDS_ENDED.inc()
                _log.error(
                    "resent as often as it may be, and never reported: somebody has to decide",
                    team_id=message.team,
                    request_id=message.request_id,
                    resends=self._terms.resends,
                )
            elif await self._messages.apply(again) and again.to is State.QUEUED:
                self._bells.ring(message.team)
        elif policy == "assume_sent":
            assumed = moves.assumed_sent(fresh, now, "team policy", None)
            if await self._messages.apply(assumed):
                self._on_sent(fresh, assumed)
