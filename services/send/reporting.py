"""What the customer's code says became of messages: judged one by one, written many at a time, each at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.runtime.failpoints import hit
from services.send.bells import Bells
from services.send.domain.message import Message, document_id
from services.send.domain.moves import Move
from services.send.domain.offer_moves import Terms
from services.send.domain.rulings import Heard, Report, Ruling, ruling
from services.send.domain.state import NOTHING_LEFT, State
from services.send.ports import Messages, Offers

_TRIES = 20


class Contended(Exception):
    """Others keep writing to this message: nothing of the report is kept yet."""


@dataclass(frozen=True, slots=True)
class Told:
    """About which message, and what: made of the message, since a report completes the names it was born with."""

    request_id: str
    report: Callable[[Message], Report]


@dataclass(frozen=True, slots=True)
class Answer:
    """`heard` is None where the team has no such message; `state` is the one it is in afterwards."""

    request_id: str
    heard: Heard | None
    state: State | None = None


class Reporting:
    """`on_sent` is told of every message that was sent, and the move that made it so."""

    def __init__(
        self,
        offers: Offers,
        messages: Messages,
        bells: Bells,
        terms: Terms,
        on_sent: Callable[[Message, Move], None],
    ) -> None:
        self._offers = offers
        self._messages = messages
        self._bells = bells
        self._terms = terms
        self._on_sent = on_sent

    async def report(self, team: str, told: Sequence[Told]) -> list[Answer]:
        """One answer per report, in their order; what is answered is durable. Raises `Contended`."""
        found = await self._offers.read(list({document_id(team, each.request_id) for each in told}))
        hit("send.external_before_report")
        answers = list(await asyncio.gather(*(self._one(team, each, found) for each in told)))
        hit("send.external_after_report")
        return answers

    async def _one(self, team: str, told: Told, found: Mapping[str, Message]) -> Answer:
        key = document_id(team, told.request_id)
        message = found.get(key)
        for _ in range(_TRIES):
            if message is None:
                return Answer(told.request_id, None)
            ruled = ruling(message, told.report(message), datetime.now(UTC), self._terms.patience)
            if ruled.move is None:
                return Answer(told.request_id, ruled.heard, message.state)
            if await self._messages.apply(ruled.move):
                return self._done(message, ruled, ruled.move)
            message = (await self._offers.read([key])).get(key)  # somebody wrote meanwhile
        raise Contended(told.request_id)

    def _done(self, message: Message, ruled: Ruling, move: Move) -> Answer:
        if move.to is State.SENT:
            self._on_sent(message, move)
        elif move.to in NOTHING_LEFT:
            self._bells.ring(message.team)
        return Answer(message.request_id, ruled.heard, move.to)
