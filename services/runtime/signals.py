"""Hints between the replicas of one service: "look now". At most once, never stored, and never relied upon: whoever
waits for one looks by itself from time to time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg

from services.runtime.logging import get_logger

_log = get_logger(__name__)


class Signals:
    """`kind` is one token; a topic is one too (a team)."""

    def __init__(self, nc: NatsClient, service: str, kind: str) -> None:
        self._nc = nc
        self._prefix = f"hint.v1.{service}.{kind}"
        self._giving: set[asyncio.Task[None]] = set()

    def give(self, topic: str) -> None:
        """Returns at once: nobody waits for a hint to be told."""
        task = asyncio.create_task(self._publish(topic), name="hint")
        self._giving.add(task)
        task.add_done_callback(self._giving.discard)

    async def _publish(self, topic: str) -> None:
        try:
            await self._nc.publish(f"{self._prefix}.{topic}")
        except nats.errors.Error as error:
            _log.debug("a hint was not given", hint=self._prefix, error=error)

    async def hear(self, told: Callable[[str], None]) -> None:
        """From now on `told(topic)` is called for every hint, one's own included."""

        async def receive(message: Msg) -> None:
            told(message.subject.rpartition(".")[2])

        await self._nc.subscribe(f"{self._prefix}.*", cb=receive)
