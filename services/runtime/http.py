"""The HTTP face every service starts from: /live, /ready, /metrics, request ids; what its routes share is in `gate`."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import TYPE_CHECKING
from urllib.parse import unquote
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from services.runtime import metrics, openapi, problems, tracing
from services.runtime.api_keys import Caller, api_key
from services.runtime.gate import Gate
from services.runtime.logging import bind
from services.runtime.paging import Page, after, decode_cursor, encode_cursor
from services.runtime.parameters import SLASH, Cursor, Instant, Limit, PathId
from services.runtime.problems import HttpProblem, invalid, not_found, unfit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from services.runtime.app import App

__all__ = (
    "Caller", "Cursor", "HttpProblem", "Instant", "Limit", "Page", "PathId", "after", "api_key",
    "create_http", "decode_cursor", "encode_cursor", "invalid", "not_found",
    "unfit",
)  # fmt: skip

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_http(app: App) -> FastAPI:
    """Routes added to it are described, guarded and answered in the one style; `/openapi.json` tells them."""
    api = FastAPI(
        title=f"Replywire {app.settings.service}",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.replywire = app
    api.add_middleware(Gate, api=api)
    api.add_middleware(_RequestIds, most=app.settings.http_max_body)
    problems.install(api)
    openapi.install(api)

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
    async def counted() -> Response:
        metrics.READY.labels(app.settings.service).set(not await app.health.problems())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return api


class _RequestIds:
    """`X-Request-Id` is taken over where it is plain, else made; answered, and bound to every log line. A bug in a
    route ends here, so that its answer has the id too, and so does a body larger than `most` octets. What a request
    with a `traceparent` causes is told in its trace."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]}
        traced = "traceparent" in headers  # no span for every probe of /ready
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        if b"%2f" in scope["raw_path"].lower():
            scope["path"] = SLASH.join(map(unquote, re.split("%2f", scope["raw_path"].decode("ascii"), flags=re.I)))
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

        trace = tracing.incoming("http", headers, request_id=request_id) if traced else nullcontext()
        with bind(request_id=request_id), trace:
            try:
                await self._app(scope, take, answer)
            except Exception as error:
                if started:
                    raise
                await problems.unexpected(Request(scope), error)(scope, receive, answer)
