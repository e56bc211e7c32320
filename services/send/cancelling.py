"""What people and products decide about a message: cancel it, or settle what nobody could confirm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

from services.runtime.logging import get_logger
from services.send.domain import moves
from services.send.domain.message import Message, document_id
from services.send.domain.offer_moves import offered_again
from services.send.domain.state import NOTHING_LEFT, State
from services.send.ports import Cancels, Messages

_STORING_PAUSES = (0.05, 0.3, 1.0)
_log = get_logger(__name__)

Decision = Literal["resend", "assume_sent", "cancel"]


class Unheard(LookupError):
    """No message is called so."""


class TooLate(Exception):
    """The message is not in a state in which this can be decided; `state` is the one it is in."""

    def __init__(self, state: State) -> None:
        super().__init__(state.value)
        self.state = state


class Cancelling:
    def __init__(
        self,
        messages: Messages,
        cancels: Cancels,
        wake: Callable[[str, datetime], Awaitable[None]],
        offered: Callable[[str], None],
        on_sent: Callable[[Message, moves.Move], None],
        copy_hold: timedelta,
    ) -> None:
        """`offered` is told of the team whose own code may take something again."""
        self._messages = messages
        self._cancels = cancels
        self._wake = wake
        self._offered = offered
        self._on_sent = on_sent
        self._copy_hold = copy_hold

    async def cancel(self, team: str, request_id: str, by: str) -> State:
        """The state it is in afterwards. An attempt under way is not stopped, but no other one follows it.

        Raises `Unheard`."""
        while True:
            message = await self._message(team, request_id)
            if message.state in NOTHING_LEFT:
                if await self._messages.apply(moves.cancelled(message, _now(), "requested", by)):
                    return State.CANCELLED
                continue  # it moved on between reading and writing
            if message.due is not None or message.state is State.HANDED_OUT:
                wanted = {"$set": {"cancel_wanted": True, "step": f"cancel:{uuid4().hex}"}}
                if not await self._messages.note(message.id, {"state": message.state.value}, wanted):
                    continue
            return message.state

    async def cancel_ahead(self, team: str, request_id: str) -> None:
        """Of a request that has not come yet: requests and cancellations wait in queues of their own, and overtake each
        other. `Intake` looks here before it stores one."""
        await self._cancels.keep(document_id(team, request_id))
        for pause in _STORING_PAUSES:  # it may have looked just before
            await asyncio.sleep(pause)
            with suppress(Unheard):
                await self.cancel(team, request_id, by="")
                return
        _log.info("a cancellation is kept for a request that has not come yet", team_id=team, request_id=request_id)

    async def resolve(self, team: str, request_id: str, decision: Decision, by: str) -> State:
        """Raises `Unheard`, `TooLate` where it is not unconfirmed."""
        message = await self._message(team, request_id)
        if message.state is not State.UNCONFIRMED:
            raise TooLate(message.state)
        now = _now()
        match decision:
            case "resend":
                move = moves.resend(message, now, by) if message.offer is None else offered_again(message, now, by)
            case "assume_sent":
                copy_hold = self._copy_hold if message.offer is None else None
                move = moves.assumed_sent(message, now, by, copy_hold)
            case "cancel":
                move = moves.cancelled(message, now, "unconfirmed", by, among=(State.UNCONFIRMED,))
        if not await self._messages.apply(move):
            raise TooLate((await self._message(team, request_id)).state)
        if move.to is State.QUEUED and message.offer is not None:
            self._offered(team)
        elif move.to is State.QUEUED:
            await self._wake(message.account, now)
        elif move.to is State.SENT:
            self._on_sent(message, move)
        return move.to

    async def _message(self, team: str, request_id: str) -> Message:
        message = await self._messages.read(document_id(team, request_id))
        if message is None:
            raise Unheard(request_id)
        return message


def _now() -> datetime:
    return datetime.now(UTC)
