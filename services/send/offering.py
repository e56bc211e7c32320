"""Makes stored messages available to the customer's own code: their names are registered first, many at a time, for an
answer may come the second after one is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from services.runtime.failpoints import hit
from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcBroken, RpcRefused
from services.send.bells import Bells
from services.send.domain.message import Message
from services.send.ports import Offers, Tracking

_MOST = 500
_LEFT_BEHIND = timedelta(seconds=5)
_AWAY: tuple[type[Exception], ...] = (Outage, RpcRefused, *OUTAGES)
_log = get_logger(__name__)


class Offering:
    """`hands_out` says of a client whether its messages are given out at all."""

    def __init__(self, offers: Offers, tracking: Tracking, bells: Bells, hands_out: Callable[[str], bool]) -> None:
        self._offers = offers
        self._tracking = tracking
        self._bells = bells
        self.hands_out = hands_out
        self._new: list[Message] = []
        self._at_work: set[str] = set()
        self._stirred = asyncio.Event()

    def put(self, message: Message) -> None:
        """It is stored. Should this process die now, the round registers it."""
        self._new.append(message)
        self._at_work.add(message.id)
        self._stirred.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            while self._new:
                batch, self._new = self._new[:_MOST], self._new[_MOST:]
                try:
                    await self._make_ready(batch)
                except _AWAY as outage:
                    _log.warning("messages are made available by the next round", error=str(outage), count=len(batch))
                finally:
                    self._at_work.difference_update(message.id for message in batch)

    async def sweep(self) -> None:
        """What was left behind."""
        while found := await self._offers.unready(datetime.now(UTC) - _LEFT_BEHIND, _MOST):
            left = [message for message in found if message.id not in self._at_work]
            if not left or not await self._make_ready(left) or len(left) < _MOST:
                break

    async def _make_ready(self, messages: Sequence[Message]) -> int:
        """How many it was."""
        known = await asyncio.gather(*(self._registered(message) for message in messages))
        hit("send.external_registered")
        ready = [message for message, is_known in zip(messages, known, strict=True) if is_known]
        await self._offers.make_ready([message.id for message in ready])
        for team in {message.team for message in ready}:
            self._bells.ring(team)
        return len(ready)

    async def _registered(self, message: Message) -> bool:
        try:
            await self._tracking.register(message)
        except (RpcBroken, RpcRefused) as error:
            _log.error("cannot be registered, so left to the next round alone", request_id=message.request_id,
                       error=str(error))  # fmt: skip
            return False
        return True
