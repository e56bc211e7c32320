"""The rounds a process makes beside the handlers: expiries, announcements, wake-ups swallowed by a crash, accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcBroken, RpcRefused
from services.send.domain.message import Message
from services.send.domain.triage import expired
from services.send.ports import Announcements, Mailboxes, Messages, Tracking

_PAGE = 200
_AFTER_AN_OUTAGE = 5.0
_AWAY: tuple[type[Exception], ...] = (Outage, RpcRefused, *OUTAGES)
_log = get_logger(__name__)


async def every(seconds: float, work: Callable[[], Awaitable[Any]], what: str) -> None:
    """For ever. An outage is told and waited out; anything else ends it, and the app starts it again."""
    while True:
        pause = seconds
        try:
            await work()
        except _AWAY as outage:
            _log.warning("a round was cut short", round=what, error=str(outage))
            pause = min(seconds, _AFTER_AN_OUTAGE)
        await asyncio.sleep(pause)


class Rounds:
    def __init__(
        self, messages: Messages, mailboxes: Mailboxes, announcements: Announcements, tracking: Tracking
    ) -> None:
        self._messages = messages
        self._mailboxes = mailboxes
        self._announcements = announcements
        self._tracking = tracking
        self._announcing: set[asyncio.Task[None]] = set()

    async def expire(self) -> None:
        """A parked mailbox is not worked on, yet its messages' time passes."""
        now = datetime.now(UTC)
        for message in await self._messages.expired(now, _PAGE):
            await self._messages.apply(expired(message, now))

    async def heal_wakes(self) -> None:
        async for account, due in self._messages.waiting_work():
            await self._mailboxes.heal(account, due)

    async def announce_waiting(self) -> None:
        """What was not confirmed at once."""
        before = datetime.now(UTC) - timedelta(seconds=5)
        for waiting in await self._announcements.waiting(before, _PAGE):
            try:
                await self._announce(waiting)
            except (RpcBroken, RpcRefused) as error:  # over these names alone: the others' turn comes all the same
                _log.error("identities cannot be told", request_id=waiting["request_id"], error=str(error))

    def announce(self, message: Message, names: Mapping[str, Any]) -> None:
        """Right after a send; where it fails, the round does it."""
        waiting = {"_id": message.id, "team": message.team, "request_id": message.request_id, "identities": names}
        task = asyncio.create_task(self._announce_one(waiting), name="announce identities")
        self._announcing.add(task)
        task.add_done_callback(self._announcing.discard)

    async def drain(self) -> None:
        while self._announcing:
            await asyncio.wait(self._announcing)

    async def _announce_one(self, waiting: dict[str, Any]) -> None:
        try:
            await self._announce(waiting)
        except _AWAY as outage:
            _log.info("identities left to the next round", error=str(outage))

    async def _announce(self, waiting: dict[str, Any]) -> None:
        await self._tracking.add(waiting["team"], waiting["request_id"], waiting["identities"])
        await self._announcements.done(waiting["_id"])
