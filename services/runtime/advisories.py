"""Messages the server stopped delivering: it says so in an advisory that names a sequence and no more.

It happens where the process died at the last delivery, so that nobody could write the dead letter. Each service fetches
what its own consumers left behind, writes the dead letter, and takes the message out of its work queue, where it would
lie undelivered for ever.
"""

from __future__ import annotations

import json

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from replywire_contracts.streams import STREAMS

from services.runtime.dead_letters import DeadLetters
from services.runtime.logging import get_logger
from services.runtime.outcomes import DELAYS, Outage
from services.runtime.permissions import advisories_of

_WORK_QUEUES = frozenset(stream.name for stream in STREAMS if stream.retention == "workqueue")
_FETCH_SECONDS = 30.0
_log = get_logger(__name__)


class Advisories:
    def __init__(self, js: JetStreamContext, dead_letters: DeadLetters, service: str) -> None:
        self._js = js
        self._dead_letters = dead_letters
        self._consumer = advisories_of(service)

    async def run(self) -> None:
        """For ever; a task of the app."""
        pull = await self._js.pull_subscribe_bind(self._consumer.durable, self._consumer.stream.name)
        try:
            while True:
                try:
                    messages = await pull.fetch(16, timeout=_FETCH_SECONDS)
                except (nats.errors.TimeoutError, TimeoutError):
                    continue
                for message in messages:
                    await self._settle(message)
        finally:
            await pull.unsubscribe()

    async def _settle(self, message: Msg) -> None:
        told = json.loads(message.data)
        try:
            await self._bury(told["stream"], int(told["stream_seq"]), int(told["deliveries"]))
        except (nats.errors.Error, TimeoutError, Outage) as error:
            _log.warning("undelivered message not yet swept", stream=told["stream"], error=error)
            await message.nak(delay=DELAYS[min(message.metadata.num_delivered, len(DELAYS)) - 1])
        else:
            await message.ack_sync()

    async def _bury(self, stream: str, seq: int, deliveries: int) -> None:
        try:
            left = await self._js.get_msg(stream, seq)
        except NotFoundError:
            return  # settled after all, or swept by a replica
        await self._dead_letters.put(
            left.subject or "unknown",
            left.data or b"",
            headers=left.headers,
            reason=f"undelivered, {deliveries} deliveries",
            error=None,
            deliveries=deliveries,
            stream=stream,
            seq=seq,
        )
        _log.error("dead letter", reason="undelivered", stream=stream, seq=seq, deliveries=deliveries)
        if stream in _WORK_QUEUES:
            await self._js.delete_msg(stream, seq)
