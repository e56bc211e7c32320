"""Tells the server, every third of the acknowledgement time, that a message is still being worked on."""

from __future__ import annotations

import asyncio

import nats.errors
from nats.aio.msg import Msg

from services.runtime.logging import get_logger

_log = get_logger(__name__)


class Heartbeat:
    """A timer and no task: most messages are done before the first beat."""

    __slots__ = ("_every", "_loop", "_message", "_task", "_timer")

    def __init__(self, message: Msg, every: float) -> None:
        self._message = message
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(every, self._beat)

    def _beat(self) -> None:
        self._task = self._loop.create_task(self._tell())
        self._timer = self._loop.call_later(self._every, self._beat)

    async def _tell(self) -> None:
        try:
            await self._message.in_progress()
        except nats.errors.Error as error:
            _log.info("heartbeat not sent", error=error)

    def stop(self) -> None:
        self._timer.cancel()
