"""The HTTP face every service starts from: /live, /ready, /metrics, request ids, problems, API keys."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from replywire_contracts.v1.rpc import KeyHolder, VerifyKey
from starlette.exceptions import HTTPException

from services.runtime import problems
from services.runtime.logging import bind
from services.runtime.paging import Page, decode_cursor, encode_cursor
from services.runtime.problems import HttpProblem
from services.runtime.rpc import RpcRefused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.runtime.app import App

__all__ = ("Caller", "HttpProblem", "Page", "api_key", "create_http", "decode_cursor", "encode_cursor")

_KEY_SECONDS = 30.0
_MOST_KEYS = 10_000
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as their API key says. `team_id` belongs in every query."""

    team_id: str
    scopes: frozenset[str]
    key_id: str


def create_http(app: App) -> FastAPI:
    api = FastAPI(title=f"Replywire {app.settings.service}", docs_url=None, redoc_url=None)
    api.state.replywire = app
    api.add_middleware(_RequestIds, most=app.settings.http_max_body)
    problems.install(api)

    @api.get("/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @api.get("/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        wrong = await app.health.problems()
        if wrong:
            return JSONResponse({"status": "not ready", "problems": dict(wrong)}, 503)
        return JSONResponse({"status": "ready"})

    @api.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return api


class _RequestIds:
    """`X-Request-Id` is taken over where it is plain, else made; answered, and bound to every log line. A bug in a
    route ends here, so that its answer has the id too, and so does a body larger than `most` octets."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        started, taken = False, 0

        async def take() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise HTTPException(413, f"A request has at most {self._most} octets.")
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with bind(request_id=request_id):
            try:
                await self._app(scope, take, answer)
            except Exception as error:
                if started:
                    raise
                await problems.unexpected(Request(scope), error)(scope, receive, answer)


def api_key(scope: str | None = None) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: `caller: Annotated[Caller, Depends(api_key("send"))]`. 401 without a known key, 403 without the
    scope. A key's answer is kept for 30 seconds, so a revoked key dies within that."""

    async def check(request: Request) -> Caller:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key.startswith("rw_"):
            raise HttpProblem(
                401,
                "unauthorized",
                "Send an API key of your team as `Authorization: Bearer rw_...`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        caller = await _keys(request.app.state).caller(hashlib.sha256(key.encode()).hexdigest())
        if scope is not None and scope not in caller.scopes:
            raise HttpProblem(403, "forbidden", f"This key has not the scope {scope!r}.")
        return caller

    return check


class _Keys:
    def __init__(self, app: App) -> None:
        self._app = app
        self._known: dict[str, tuple[float, Caller]] = {}

    async def caller(self, key_hash: str) -> Caller:
        until, caller = self._known.get(key_hash, (0.0, None))
        if caller is not None and until > time.monotonic():
            return caller
        try:
            holder: KeyHolder = await self._app.rpc.call(VerifyKey(key_hash=key_hash))
        except RpcRefused as refused:
            self._known.pop(key_hash, None)
            raise HttpProblem(
                401,
                "unauthorized",
                "This API key is not known, or was revoked.",
                headers={"WWW-Authenticate": "Bearer"},
            ) from refused
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        caller = Caller(holder.team_id, frozenset(holder.scopes), holder.key_id)
        self._known[key_hash] = (time.monotonic() + _KEY_SECONDS, caller)
        return caller


def _keys(state: Any) -> _Keys:
    if not hasattr(state, "replywire_keys"):
        state.replywire_keys = _Keys(state.replywire)
    keys: _Keys = state.replywire_keys
    return keys
