"""The one place where a delivery is settled: each is a task in its consumer's lane, and `outcomes` decides its end.

A lane takes no more from the server than it can begin at once: a message waits there, where another replica may have
it, and never here with its acknowledgement time running.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from replywire_contracts.event import Event
from replywire_contracts.streams import Consumer

from services.runtime import metrics, mongo, redaction, tracing
from services.runtime.dead_letters import DeadLetters
from services.runtime.heartbeat import Heartbeat
from services.runtime.logging import bind, get_logger
from services.runtime.outcomes import Action, Malformed, Outcome, decide
from services.runtime.reading import read

_log = get_logger(__name__)
_ACK_TRIES = 3
_ACK_SECONDS = 2.0
_WHEN_DEAD_LETTERS_ARE_AWAY = 30.0
_GATHER_SECONDS = 0.002

Handler = Callable[[Any], Awaitable[None]]
OnMalformed = Callable[[bytes, Malformed, Mapping[str, str]], Awaitable[None]]
"""Called with the raw payload before it is dead-lettered; may be called more than once for the same one. The headers
are the sender's, but for `Nats-Subject`: the subject, whose team the bus's rights vouch for."""
SUBJECT_HEADER = "Nats-Subject"


@dataclass(frozen=True, slots=True)
class Route:
    """A consumer and who handles which event of it."""

    consumer: Consumer
    handlers: Mapping[str, tuple[type[Event], Handler]] = field(repr=False)
    on_malformed: OnMalformed | None = None


class Lane:
    """One consumer's deliveries in this process, at most `concurrency` at a time."""

    def __init__(self, route: Route, concurrency: int, dead_letters: Callable[[], DeadLetters]) -> None:
        self.route = route
        self.concurrency = concurrency
        self._dead_letters = dead_letters
        self._ack_wait = route.consumer.ack_wait.total_seconds()
        self._running: set[asyncio.Task[None]] = set()
        self._one_ended = asyncio.Event()
        self._pending = metrics.PENDING.labels(route.consumer.durable)
        self._in_flight = metrics.IN_FLIGHT.labels(route.consumer.durable)

    async def learn(self, js: JetStreamContext) -> None:
        """How long the server waits for word of a delivery: an operator may have changed what is declared."""
        found = await js.consumer_info(self.route.consumer.stream.name, self.route.consumer.durable)
        self._ack_wait = found.config.ack_wait or self._ack_wait

    async def room(self) -> int:
        """How many more can begin now; waits while there is none, and a moment longer where only few would fit."""
        while (free := self.concurrency - len(self._running)) <= 0:
            self._one_ended.clear()
            await self._one_ended.wait()
        if free < self.concurrency // 4:
            await asyncio.sleep(_GATHER_SECONDS)
        return self.concurrency - len(self._running)

    def take(self, message: Msg) -> None:
        self._pending.set(message.metadata.num_pending)
        task = asyncio.create_task(_Delivery(message, self.route, self._dead_letters(), self._ack_wait).run())
        self._running.add(task)
        self._in_flight.inc()
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._in_flight.dec()
        self._one_ended.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("delivery left unsettled", consumer=self.route.consumer.durable, exc_info=error)

    async def close(self, timeout: float) -> None:
        """Finish what is under way; what takes longer than `timeout` seconds is cancelled and handed back."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout)
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Delivery:
    __slots__ = ("_ack_wait", "_dead_letters", "_delivery", "_kind", "_message", "_route", "_seq", "_stream")

    def __init__(self, message: Msg, route: Route, dead_letters: DeadLetters, ack_wait: float) -> None:
        facts = message.metadata
        self._message = message
        self._stream, self._seq, self._delivery = facts.stream, facts.sequence.stream, facts.num_delivered
        self._route = route
        self._dead_letters = dead_letters
        self._ack_wait = ack_wait
        self._kind = message.subject.rpartition(".")[0]

    async def run(self) -> None:
        started = time.perf_counter()
        headers = self._message.headers or {}
        heartbeat = Heartbeat(self._message, self._ack_wait / 3)
        try:
            with (
                bind(kind=self._kind, event_id=headers.get("Nats-Msg-Id"), delivery=self._delivery),
                tracing.incoming(f"handle {self._kind}", headers),
            ):
                error, outcome = await self._try()
                await self._settle(outcome, error)
        except asyncio.CancelledError:
            await self._nak(1.0)  # another replica may have it soon: a hint, redelivery follows without it too
            raise
        finally:
            heartbeat.stop()
        metrics.HANDLED.labels(self._kind, outcome.action.value).inc()
        metrics.HANDLING_SECONDS.labels(self._kind).observe(time.perf_counter() - started)

    async def _try(self) -> tuple[Exception | None, Outcome]:
        """Call the handler, again and again while something it stands on is away."""
        began, attempt = time.monotonic(), 0
        while True:
            error: Exception | None = None
            try:
                await self._handle()
            except Exception as raised:  # noqa: BLE001 - whatever it is, the table says what becomes of it
                error = raised
            outcome = decide(
                error,
                delivery=self._delivery,
                max_deliver=self._route.consumer.max_deliver,
                waited=time.monotonic() - began,
                attempt=attempt,
                outages=mongo.OUTAGES,
            )
            if outcome.action is not Action.WAIT:
                return error, outcome
            if attempt == 0:
                _log.warning("waiting for an outage to pass", error=error)
            attempt += 1
            await asyncio.sleep(outcome.delay)

    async def _handle(self) -> None:
        found = self._route.handlers.get(self._kind)
        if found is None:
            return  # a newer kind that this service does not know
        event_type, handler = found
        await handler(read(event_type, self._message.subject, self._message.data))

    async def _settle(self, outcome: Outcome, error: Exception | None) -> None:
        match outcome.action:
            case Action.ACK:
                await self._ack()
            case Action.RETRY:
                _log.warning("delivered again later", delay=outcome.delay, exc_info=error)
                await self._nak(outcome.delay)
            case Action.DEAD_LETTER:
                await self._bury(outcome, error)
            case _:
                raise AssertionError(outcome)

    async def _bury(self, outcome: Outcome, error: Exception | None) -> None:
        headers = self._message.headers or {}
        try:
            if isinstance(error, Malformed) and self._route.on_malformed is not None:
                told = {**headers, SUBJECT_HEADER: self._message.subject}
                await self._route.on_malformed(self._message.data, error, told)
            await self._dead_letters.put(
                self._message.subject,
                self._message.data,
                headers=headers,
                reason=outcome.reason,
                error=error,
                deliveries=self._delivery,
                stream=self._stream,
                seq=self._seq,
            )
        except Exception as failed:  # noqa: BLE001 - without its dead letter the message must not go
            _log.error("dead letter not written, tried again", exc_info=failed)
            await self._nak(_WHEN_DEAD_LETTERS_ARE_AWAY)
            return
        _log.error("dead letter", reason=outcome.reason, error=None if error is None else redaction.error(error))
        await self._ack()

    async def _ack(self) -> None:
        """Confirmed by the server. Where it does not confirm, the message comes again and its handler knows it."""
        for _ in range(_ACK_TRIES):
            try:
                await self._message.ack_sync(timeout=_ACK_SECONDS)
                return
            except (nats.errors.Error, TimeoutError) as error:
                last = error
        _log.warning("acknowledgement not confirmed", error=last)

    async def _nak(self, delay: float) -> None:
        try:
            await self._message.nak(delay=delay)
        except nats.errors.Error as error:
            _log.warning("not handed back: it comes again after the acknowledgement time", error=error)
