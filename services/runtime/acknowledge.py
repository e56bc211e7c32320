"""The one place where a delivery is settled: a FastStream middleware that carries out what `outcomes` decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats.errors
from faststream import BaseMiddleware, ContextRepo
from faststream.message import StreamMessage
from nats.aio.msg import Msg

from services.runtime import metrics, mongo, redaction, tracing
from services.runtime.consume import Route
from services.runtime.dead_letters import DeadLetters
from services.runtime.logging import bind, get_logger
from services.runtime.outcomes import Action, Malformed, Outage, Outcome, decide

_log = get_logger(__name__)
_ACK_TRIES = 3
_ACK_SECONDS = 2.0
_WHEN_DEAD_LETTERS_ARE_AWAY = 30.0

CallNext = Callable[[StreamMessage[Msg]], Awaitable[Any]]


class Acknowledge:
    """Built once; FastStream calls it for each message."""

    def __init__(self, routes: Mapping[str, Route], dead_letters: Callable[[], DeadLetters]) -> None:
        self._routes = routes
        self._dead_letters = dead_letters

    def __call__(self, message: Msg | None, /, *, context: ContextRepo) -> BaseMiddleware[Any, Any]:
        assert message is not None  # only when publishing through FastStream, which nobody does
        return _Delivery(message, self._routes, self._dead_letters, context=context)


class _Delivery(BaseMiddleware[Any, Msg]):
    def __init__(
        self,
        message: Msg,
        routes: Mapping[str, Route],
        dead_letters: Callable[[], DeadLetters],
        *,
        context: ContextRepo,
    ) -> None:
        super().__init__(message, context=context)
        facts = message.metadata
        self._message = message
        self._stream, self._seq, self._delivery = facts.stream, facts.sequence.stream, facts.num_delivered
        self._route = routes[facts.consumer]
        self._dead_letters = dead_letters
        self._kind = message.subject.rpartition(".")[0]

    async def consume_scope(self, call_next: CallNext, msg: StreamMessage[Msg]) -> None:
        started = time.perf_counter()
        headers = self._message.headers or {}
        in_flight = metrics.IN_FLIGHT.labels(self._route.consumer.durable)
        heartbeat = _Heartbeat(self._message, self._route.consumer.ack_wait.total_seconds() / 3)
        in_flight.inc()
        try:
            with (
                bind(kind=self._kind, event_id=headers.get("Nats-Msg-Id"), delivery=self._delivery),
                tracing.incoming(f"handle {self._kind}", headers),
            ):
                error, outcome = await self._try(call_next, msg)
                await self._settle(outcome, error)
        finally:
            heartbeat.stop()
            in_flight.dec()
        metrics.HANDLED.labels(self._kind, outcome.action.value).inc()
        metrics.HANDLING_SECONDS.labels(self._kind).observe(time.perf_counter() - started)

    async def _try(self, call_next: CallNext, msg: StreamMessage[Msg]) -> tuple[Exception | None, Outcome]:
        """Call the handler, again and again while something it stands on is away."""
        began, attempt = time.monotonic(), 0
        while True:
            error: Exception | None = None
            try:
                await call_next(msg)
            except asyncio.CancelledError:
                await self._hand_back()
                raise
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
            try:
                await asyncio.sleep(outcome.delay)
            except asyncio.CancelledError:
                await self._hand_back()
                raise

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
                await self._route.on_malformed(self._message.data, error, headers)
            await self._dead_letters().put(
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

    async def _hand_back(self) -> None:
        """Cancelled: another replica may have it soon. A hint; redelivery follows without it too."""
        await self._nak(1.0)


class _Heartbeat:
    """Tells the server every third of the acknowledgement time that the message is still being worked on."""

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
        except (nats.errors.Error, Outage) as error:
            _log.info("heartbeat not sent", error=error)

    def stop(self) -> None:
        self._timer.cancel()
