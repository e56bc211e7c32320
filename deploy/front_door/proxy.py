"""Passes requests on to the service they belong to, and their answers back as they come: long polls and event streams
work, and a client that leaves ends its request in the service too. A service is asked once a small body is whole or a
long one has begun in earnest, for clients that announce much and send nothing must not hold its connections.

For one machine. It knows no TLS and caches nothing; where there is more than one machine, nginx has this place.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import httpcore

from deploy.front_door import headers as hygiene
from deploy.front_door import table
from deploy.front_door.answers import Answer
from deploy.front_door.requests import Gone, Incoming, Stopped
from deploy.front_door.settings import FrontDoorSettings
from deploy.front_door.shares import Shares
from services.runtime.logging import get_logger
from services.runtime.problem_shape import MAYBE_DONE, HttpProblem, no_such_path

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_log = get_logger(__name__)
_IDLE_SECONDS = 2.0
"""Shorter than the 5 s after which services close a connection nobody uses: else some request meets it closing."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_AWAY = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError, httpcore.LocalProtocolError)


class FrontDoor:
    """An ASGI application. `documents`: what it serves itself, by path: media type and content."""

    def __init__(self, settings: FrontDoorSettings, documents: Mapping[str, tuple[str, bytes]]) -> None:
        self._settings = settings
        self._documents = documents
        self._turns: dict[str, Iterator[int]] = {service: itertools.count() for service in settings.upstreams}
        self._shares = Shares(settings.connections_per_client)
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=settings.connections,
            max_keepalive_connections=settings.connections,
            keepalive_expiry=_IDLE_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        settings = self._settings
        request = Incoming(scope, receive, most=settings.http_max_body, patience=settings.body_seconds)
        answer = Answer(send, request.id)
        try:
            await self._answer(request, answer)
        except Gone:
            return
        except HttpProblem as problem:
            await answer.problem(problem)
        except Stopped as stopped:
            await answer.last_word(stopped.problem, request.rest())

    async def _answer(self, request: Incoming, answer: Answer) -> None:
        request.judge_framing()
        path = request.path
        if path in self._documents:
            if request.method not in ("GET", "HEAD"):
                raise HttpProblem(405, "method_not_allowed", headers={"Allow": "GET, HEAD"})
            media_type, content = self._documents[path]
            await answer.whole(200, media_type, content)
        elif path == "/live":
            await answer.whole(200, "application/json", {"status": "live"})
        elif path.startswith(table.HEALTH):
            await self._pass_on(request, answer, path.removeprefix(table.HEALTH), b"/ready")
        else:
            await self._pass_on(request, answer, table.service_of(path), request.target)

    async def _pass_on(self, request: Incoming, answer: Answer, service: str | None, target: bytes) -> None:
        """Raises `HttpProblem`, `Stopped`, or `Gone` where the client has left."""
        if service not in self._settings.upstreams:
            raise no_such_path()
        await request.hold()
        with self._shares.one_more(request.client):
            await self._while_waited_for(request, answer, service, target)

    async def _while_waited_for(self, request: Incoming, answer: Answer, service: str, target: bytes) -> None:
        exchange = asyncio.create_task(self._exchange(request, answer, service, target))
        leaving = asyncio.create_task(request.until_client_leaves())
        try:
            await asyncio.wait({exchange, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not exchange.done():
                exchange.cancel()
                await asyncio.gather(exchange, return_exceptions=True)
                raise Gone
            await exchange
        finally:
            leaving.cancel()
            exchange.cancel()

    async def _exchange(self, request: Incoming, answer: Answer, service: str, target: bytes) -> None:
        replicas = self._settings.upstreams[service]
        first = next(self._turns[service])
        tries = [replicas[(first + number) % len(replicas)] for number in range(len(replicas))]
        if request.method in _SAFE:
            tries = [*tries, *tries]  # a connection that was kept may have been closed this moment
        broken: Exception | None = None
        for replica in tries:
            try:
                await self._ask(request, answer, replica, target)
                return
            except _AWAY:
                continue
            except httpcore.TimeoutException as silent:
                answer.must_not_have_begun(silent)
                raise HttpProblem(504, "no_answer", f"{service} did not answer in time.", remedy=MAYBE_DONE) from silent
            except _BROKEN as error:
                answer.must_not_have_begun(error)
                broken = error
                if request.method not in _SAFE or not request.repeatable:
                    break
        if broken is not None:
            _log.warning("a service broke off", upstream=service, error=broken)
            raise HttpProblem(502, "broken_off", f"{service} broke off before it answered.", remedy=MAYBE_DONE)
        raise HttpProblem(503, "unavailable", f"{service} is away.", headers={"Retry-After": "2"})

    async def _ask(self, request: Incoming, answer: Answer, replica: str, target: bytes) -> None:
        host, _, port = replica.rpartition(":")
        url = httpcore.URL(scheme=b"http", host=host.strip("[]").encode(), port=int(port), target=target)
        timeout = {
            "connect": self._settings.connect_seconds,
            "pool": self._settings.connect_seconds,
            "read": self._settings.silence_seconds,
            "write": self._settings.silence_seconds,
        }
        async with self._pool.stream(
            request.method,
            url,
            headers=request.inward_headers(),
            content=request.body(),
            extensions={"timeout": timeout},
        ) as response:
            await answer.begin(response.status, hygiene.outward(response.headers, request.id))
            async for chunk in response.aiter_stream():
                await answer.more(chunk)
            await answer.end()

    async def close(self) -> None:
        await self._pool.aclose()
