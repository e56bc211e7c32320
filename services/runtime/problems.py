"""Errors as an HTTP client reads them: `application/problem+json`, RFC 9457, each with its request's id."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.runtime import mongo
from services.runtime.logging import get_logger
from services.runtime.outcomes import Malformed, Outage, Refused
from services.runtime.rpc import RpcRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = get_logger(__name__)
_STATUS_OF_CODE = {
    "not_found": 404, "unknown_account": 404, "conflict": 409, "needs_reauth": 409, "disconnected": 409,
    "forbidden": 403, "too_large": 413, "unavailable": 503,
}  # fmt: skip


class HttpProblem(Exception):
    """`code` is a stable slug for machines, `detail` says cause and remedy to people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.more = more


def respond(request: Request, problem: HttpProblem) -> JSONResponse:
    content = {
        "type": f"urn:replywire:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request.scope.get("request_id"),
        **problem.more,
    }
    return JSONResponse(
        content, problem.status, media_type="application/problem+json", headers=dict(problem.headers or {})
    )


def install(api: FastAPI) -> None:
    """Every error of a route leaves as a problem. What is unexpected is the middleware's: see `unexpected`."""

    @api.exception_handler(HttpProblem)
    async def _problem(request: Request, error: HttpProblem) -> JSONResponse:
        return respond(request, error)

    @api.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [{"field": ".".join(map(str, e["loc"])), "detail": e["msg"]} for e in error.errors()]
        first = "; ".join(f"{entry['field']}: {entry['detail']}" for entry in fields[:3])
        return respond(request, HttpProblem(422, "invalid_request", first, errors=fields))

    @api.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return respond(request, HttpProblem(error.status_code, code, str(error.detail), headers=error.headers))

    @api.exception_handler(Malformed)
    async def _malformed(request: Request, error: Malformed) -> JSONResponse:
        return respond(
            request, HttpProblem(422, "invalid_request", error.reason, field=error.field, remedy=error.remedy)
        )

    @api.exception_handler(Refused)
    async def _refused(request: Request, error: Refused) -> JSONResponse:
        return respond(request, HttpProblem(409, "refused", error.reason))

    @api.exception_handler(RpcRefused)
    async def _rpc(request: Request, error: RpcRefused) -> JSONResponse:
        return respond(request, HttpProblem(_STATUS_OF_CODE.get(error.code, 422), error.code, error.detail))

    async def _outage(request: Request, error: Exception) -> JSONResponse:
        _log.warning("request met an outage", error=error)
        problem = HttpProblem(
            503, "unavailable", "A part of the service is away: try again.", headers={"Retry-After": "2"}
        )
        return respond(request, problem)

    outages: tuple[type[Exception], ...] = (Outage, *mongo.OUTAGES)
    for outage in outages:
        api.add_exception_handler(outage, _outage)


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """A bug: logged with its place, answered with nothing but the request's id."""
    _log.error("request failed", path=request.url.path, exc_info=error)
    return respond(request, HttpProblem(500, "internal", "It is logged under this request's id."))
