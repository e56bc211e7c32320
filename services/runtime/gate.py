"""What every described route is guarded by, before its body is read: method, key, scope, rate, media type, idempotency.

What the OpenAPI document says of a route is what is asked here, so new routes have all of it for nothing. Routes that
are not described (/live, pages) pass untouched.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from services.runtime import idempotency, problems, promises
from services.runtime.api_keys import Keys, bearer_of, require
from services.runtime.idempotency import Answer, Answers
from services.runtime.logging import get_logger
from services.runtime.operations import Operation, Operations
from services.runtime.problem_shape import HttpProblem, too_large
from services.runtime.rate_limits import RateLimit, RateLimiter

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.runtime.api_keys import Caller
    from services.runtime.app import App

_log = get_logger(__name__)
_KEPT_HEADERS = ("content-type", "location")
REPLAYED = "Idempotency-Replayed"


class Gate:
    def __init__(self, app: ASGIApp, api: FastAPI) -> None:
        self._app = app
        self._api = api
        self._service: App = api.state.replywire
        settings = self._service.settings
        limit = RateLimit(settings.service, settings.http_rate_quota, settings.http_rate_window)
        self._limiter = RateLimiter(limit) if limit.quota else None

    @cached_property
    def _operations(self) -> Operations:
        return Operations(self._api.openapi())

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self._service.db[idempotency.COLLECTION])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        routes = self._operations.at(scope["path"]) if scope["type"] == "http" else {}
        if not routes:
            await self._app(scope, receive, send)
            return
        told: dict[str, str] = {}
        operation = routes.get(scope["method"])

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                if operation is not None:
                    promises.hold(operation, message["status"], scope.get("replywire_problem", ""))
                headers = MutableHeaders(scope=message)
                for name, value in told.items():
                    headers[name] = value
            await send(message)

        try:
            if operation is None:
                allow = ", ".join(sorted(routes))
                raise HttpProblem(
                    405, "method_not_allowed", f"This path takes {allow} alone.", headers={"Allow": allow}
                )
            if operation.scopes is not None:
                scope["replywire_caller"] = await self._admitted(scope, operation, told)
            headers = Headers(scope=scope)
            _judge_body(headers, operation, self._service.settings.http_max_body)
            if operation.idempotency_key and idempotency.HEADER in headers:
                await self._once(scope, receive, tell, headers)
            else:
                await self._app(scope, receive, tell)
        except Exception as error:
            problem = problems.of(error)
            if problem is None:
                raise
            await problems.respond(Request(scope), problem)(scope, receive, tell)

    async def _admitted(self, scope: Scope, operation: Operation, told: dict[str, str]) -> Caller:
        caller = await Keys.of(self._api.state).caller(scope)
        if self._limiter is not None:
            standing = self._limiter.take(caller.key_id, time.monotonic())
            told |= standing.headers(self._limiter.limit)
            if standing.retry_after is not None:
                limit = self._limiter.limit
                detail = f"This key may ask {limit.quota} times in {limit.window} seconds."
                raise HttpProblem(429, "too_many_requests", detail)
        require(caller, list(operation.scopes or ()))
        return caller

    async def _once(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """The route, unless its answer to this very request is known."""
        caller: Caller = scope["replywire_caller"]
        body = await _whole(receive)
        target = scope["path"] + "?" + scope["query_string"].decode("latin-1")
        request = idempotency.Request.of(
            key=idempotency.read_key(headers.getlist(idempotency.HEADER)),
            bearer=bearer_of(scope),
            team_id=caller.team_id,
            key_id=caller.key_id,
            method=scope["method"],
            target=target,
            body=body,
        )
        begun = await self._answers.begin(request)
        if isinstance(begun, Answer):
            again = Response(begun.body, begun.status, {**begun.headers, REPLAYED: "true"})
            await again(scope, receive, send)
            return
        heard = _Heard(send)
        try:
            await self._app(scope, _replay(body, receive), heard.send)
        except BaseException:
            await self._settle(request, begun, None)
            raise
        await self._settle(request, begun, heard.answer)

    async def _settle(self, request: idempotency.Request, token: str, answer: Answer | None) -> None:
        """The answer is given whatever becomes of it here: what was created is created."""
        try:
            if answer is not None and answer.status < 300:
                await self._answers.keep(request, token, answer)
            else:
                await self._answers.forget(request, token)
        except problems.OUTAGES as outage:
            _log.warning("an answer could not be kept for its idempotency key", error=outage)


class _Heard:
    """Passes an answer on and keeps it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    @property
    def answer(self) -> Answer | None:
        return Answer(self._status, self._headers, bytes(self._body)) if self._status else None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = Headers(raw=message["headers"])
            self._headers = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
        await self._send(message)


def _judge_body(headers: Headers, operation: Operation, most: int) -> None:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        raise too_large(most)
    if length == "0" and "transfer-encoding" not in headers:
        return
    if not operation.media_types:
        return
    taken = " or ".join(sorted(operation.media_types))
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in operation.media_types and not (given.endswith("+json") and taken == "application/json"):
        remedy = f"Send {taken}, and say so in `Content-Type`."
        raise HttpProblem(415, "unsupported_media_type", f"This path takes {taken} alone.", remedy=remedy)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpProblem(
            415, "unsupported_media_type", "Bodies are taken as they are.", remedy="Send it uncompressed."
        )


async def _whole(receive: Receive) -> bytes:
    """Bounded by what the outermost layer lets through."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpProblem(400, problems.INVALID, "The connection ended before the body did.")
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
