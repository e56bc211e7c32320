"""Questions between services over core NATS: never stored, thin, many at once.

A refusal is an answer (`RpcRefused`); silence is an outage (`RpcUnavailable`) and may be asked again; where the other
service broke over this one request (`RpcBroken`), another one may fare better.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError
from replywire_contracts.event import Model, Problem, Request

from services.runtime import metrics, redaction, tracing
from services.runtime.bus import settled
from services.runtime.logging import bind, get_logger
from services.runtime.mongo import OUTAGES
from services.runtime.outcomes import Outage

ERROR_HEADER = "Replywire-Error"
_BROKEN = "broken"
_OUTAGES: tuple[type[Exception], ...] = (Outage, TimeoutError, *OUTAGES)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_log = get_logger(__name__)

Reply = TypeVar("Reply", bound=Model)
RequestT = TypeVar("RequestT", bound=Request)
Handler = Callable[[Any], Awaitable[Model]]


class RpcRefused(Exception):
    """The other service understood and said no. `code` is a stable slug, `detail` says cause and remedy."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class RpcUnavailable(Outage):
    """Nobody answered in time. Whether the request was carried out is unknown."""


class RpcBroken(RpcUnavailable):
    """The other service is there and failed over this request, by a fault of its own: its log says more."""


class Refusal(Exception):
    """Raised by a handler to say no: the asker gets `RpcRefused(code, detail)`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class RpcClient:
    def __init__(self, nc: NatsClient) -> None:
        self._nc = nc

    async def call(self, request: Request, *, timeout: float = 5.0) -> Any:
        """The instance of `type(request).REPLY`. Raises `RpcRefused`, `RpcUnavailable`, `RpcBroken`.

        Where nobody listens yet (a service is being restarted), it asks again until `timeout` seconds are over."""
        subject, payload = request.SUBJECT, request.encode()
        headers = tracing.outgoing() or None
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + timeout, _FIRST_PAUSE
        while True:
            try:
                answer = await self._nc.request(
                    subject, payload, timeout=max(deadline - loop.time(), 0.001), headers=headers
                )
                break
            except nats.errors.NoRespondersError as error:
                if loop.time() + pause >= deadline:
                    raise RpcUnavailable(f"{subject}: no service answers there") from error
            except nats.errors.MaxPayloadError as error:
                raise RpcRefused("too_large", f"{subject}: {len(payload)} octets exceed the bus's limit") from error
            except (nats.errors.Error, TimeoutError) as error:
                raise RpcUnavailable(f"{subject}: {error!s}") from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if answer.headers and ERROR_HEADER in answer.headers:
            problem = Problem.decode(answer.data)
            if problem.code == _BROKEN:
                raise RpcBroken(problem.detail)
            if problem.code == "unavailable":
                raise RpcUnavailable(f"{subject}: {problem.detail}")
            raise RpcRefused(problem.code, problem.detail)
        return request.REPLY.decode(answer.data)


class Listening:
    """Requests at one subject, answered in a queue group with the service's other replicas."""

    def __init__(self, subject: str, concurrency: int) -> None:
        self.subject = subject
        self._slots = asyncio.Semaphore(concurrency)
        self._running: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    async def start(self, nc: NatsClient, service: str) -> None:
        self._subscription = await nc.subscribe(self.subject, queue=service, cb=self._receive)

    async def stop(self, timeout: float) -> None:
        """Take nothing more; answer what was taken, as far as that takes no longer than `timeout` seconds."""
        if self._subscription is not None:
            try:
                async with asyncio.timeout(timeout):
                    await self._subscription.drain()  # type: ignore[no-untyped-call]
            except (nats.errors.Error, TimeoutError) as error:
                _log.info("requests not drained", request=self.subject, error=error)
            self._subscription = None
        running = list(self._running)
        if running:
            _, late = await asyncio.wait(running, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _receive(self, message: Msg) -> None:
        await self._slots.acquire()
        task = asyncio.create_task(self._answer(message))
        self._running.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("request left unanswered", request=self.subject, exc_info=error)

    async def _answer(self, message: Msg) -> None:
        raise NotImplementedError


class TeamEndpoint(Listening):
    """What teams ask in their own name: the team is the subject's last token, which the bus's rights vouch for.

    `answer(team, content)` gives the octets to answer with, and the problem's code where they tell of one. `unheard` is
    told, where it is given, of octets that reached nobody: whoever asked is not there any more."""

    def __init__(
        self,
        subject: str,
        answer: Callable[[str, bytes], Awaitable[tuple[bytes, str | None]]],
        concurrency: int = 64,
        unheard: Callable[[str, bytes], None] | None = None,
    ) -> None:
        """`subject` ends in the token that stands for any team."""
        super().__init__(subject, concurrency)
        self._answered = answer
        self._unheard = unheard

    async def _answer(self, message: Msg) -> None:
        team = message.subject.rpartition(".")[2]
        with metrics.REQUEST_SECONDS.labels(self.subject).time():
            reply, problem = await self._answered(team, message.data)
            if message.reply and problem:
                await message._client.publish(message.reply, reply, headers={ERROR_HEADER: problem})
            elif message.reply and self._unheard is None:
                await message._client.publish(message.reply, reply)
            elif message.reply and self._unheard is not None and not await _reached(message, reply):
                self._unheard(team, reply)
        metrics.REQUESTS.labels(self.subject, problem or "answered").inc()


async def _reached(message: Msg, reply: bytes) -> bool:
    """Answers, and says whether anybody was there to read it. A server tells whoever names a place to answer to that
    there are "no responders", before it answers the next ping."""
    nc = message._client
    inbox = nc.new_inbox()
    told = await nc.subscribe(inbox, max_msgs=1)
    try:
        await nc.publish(message.reply, reply, reply=inbox)
        await settled(nc)
        return told.pending_msgs == 0
    finally:
        with contextlib.suppress(nats.errors.Error):  # it has had its one message, or the connection is gone
            await told.unsubscribe()


class Endpoint(Listening):
    """One kind of request between services."""

    def __init__(self, request: type[Request], handler: Handler, concurrency: int) -> None:
        super().__init__(request.SUBJECT, concurrency)
        self.request = request
        self.handler = handler

    async def _answer(self, message: Msg) -> None:
        subject = self.request.SUBJECT
        outcome = "answered"
        with metrics.REQUEST_SECONDS.labels(subject).time(), tracing.incoming(f"answer {subject}", message.headers):
            try:
                reply = (await self.handler(self.request.decode(message.data))).encode()
            except Refusal as refusal:
                outcome, reply = refusal.code, Problem(code=refusal.code, detail=refusal.detail).encode()
            except ValidationError as error:
                outcome, reply = "malformed", Problem(code="malformed", detail=redaction.error(error)).encode()
            except _OUTAGES as outage:
                outcome, reply = "unavailable", Problem(code="unavailable", detail=redaction.error(outage)).encode()
            except Exception as error:  # noqa: BLE001 - the asker must hear of every failure, or it waits in vain
                outcome = _BROKEN
                with bind(request=subject):
                    _log.error("request failed", exc_info=error)
                reply = Problem(code=outcome, detail=f"{subject} failed: {type(error).__name__}").encode()
            headers = None if outcome == "answered" else {ERROR_HEADER: outcome}
            if message.reply:
                try:
                    await message._client.publish(message.reply, reply, headers=headers)
                except nats.errors.MaxPayloadError:
                    outcome = "too_large"
                    problem = Problem(code=outcome, detail=f"the answer to {subject} exceeds the bus's limit")
                    await message._client.publish(message.reply, problem.encode(), headers={ERROR_HEADER: outcome})
        metrics.REQUESTS.labels(subject, outcome).inc()


class Serves(Protocol):
    """What `serve` needs of an app."""

    endpoints: list[Listening]


def serve(
    app: Serves, request: type[RequestT], *, concurrency: int = 64
) -> Callable[[Callable[[RequestT], Awaitable[Reply]]], Callable[[RequestT], Awaitable[Reply]]]:
    """`@serve(app, Judge)` on `async def judge(request: Judge) -> Verdicts`. The handler may raise `Refusal`.

    At most `concurrency` run at once in this process; further requests wait on the connection."""

    def register(handler: Callable[[RequestT], Awaitable[Reply]]) -> Callable[[RequestT], Awaitable[Reply]]:
        app.endpoints.append(Endpoint(request, cast(Handler, handler), concurrency))
        return handler

    return register
