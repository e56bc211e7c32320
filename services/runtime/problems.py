"""Which problem each error of a route is to its client: the one table from exceptions to answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.runtime import mongo
from services.runtime.logging import get_logger
from services.runtime.outcomes import Malformed, Outage, Refused
from services.runtime.problem_shape import (
    INVALID,
    LAST_REMEDY,
    MAYBE_DONE,
    MEDIA_TYPE,
    HttpProblem,
    Problem,
    WrongField,
    invalid,
    no_such_path,
    not_found,
    unfit,
)
from services.runtime.rpc import RpcRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = (
    "INVALID", "MAYBE_DONE", "MEDIA_TYPE", "HttpProblem", "Problem", "WrongField", "install", "invalid", "not_found",
    "of", "of_validation", "respond", "translate", "unexpected", "unfit",
)  # fmt: skip

_log = get_logger(__name__)
_STATUS_OF_CODE = {
    "not_found": 404, "unknown_account": 404, "conflict": 409, "needs_reauth": 409, "disconnected": 409,
    "forbidden": 403, "too_large": 413, "unavailable": 503,
}  # fmt: skip
OUTAGES: tuple[type[Exception], ...] = (Outage, *mongo.OUTAGES)
E = TypeVar("E", bound=Exception)


def respond(request: Request, problem: HttpProblem) -> JSONResponse:
    request.scope["replywire_problem"] = problem.code
    content = problem.content(str(request.scope.get("request_id", "")))
    return JSONResponse(content, problem.status, media_type=MEDIA_TYPE, headers=dict(problem.headers or {}))


def of(error: Exception) -> HttpProblem | None:
    """What an error that a route may raise is to a client; None for a bug."""
    match error:
        case HttpProblem():
            return error
        case RequestValidationError():
            return of_validation(error.errors())
        case HTTPException(status_code=404):
            return no_such_path()
        case HTTPException(status_code=400):  # FastAPI's word for a body that is no text, or nested beyond reading
            return HttpProblem(400, INVALID, "The body cannot be read.")
        case HTTPException():
            code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
            known = {405: "method_not_allowed", 413: "too_large"}
            return HttpProblem(
                error.status_code, known.get(error.status_code, code), str(error.detail), headers=error.headers
            )
        case Malformed():
            return unfit(error.field, error.reason, error.remedy)
        case Refused():
            return HttpProblem(409, "refused", error.reason)
        case RpcRefused():
            return HttpProblem(_STATUS_OF_CODE.get(error.code, 422), error.code, error.detail)
        case _ if isinstance(error, OUTAGES):
            _log.warning("request met an outage", error=error)
            words = "A part of the service is away."
            return HttpProblem(503, "unavailable", words, headers={"Retry-After": "2"})
    return None


def of_validation(errors: Sequence[Any], *, whole_body: bool = False) -> HttpProblem:
    """pydantic's report without the input: a password may be in it. `whole_body`: it is of a body alone, so that its
    places do not begin with `body`."""
    found = [
        {"field": path(entry["loc"] if whole_body else entry["loc"][1:]), "detail": _told(entry)} for entry in errors
    ]
    if any(entry["type"] == "json_invalid" for entry in errors):
        return HttpProblem(422, INVALID, "The body is not JSON.")
    first = found[0]
    if not first["field"] and errors[0]["type"] == "missing":
        return HttpProblem(422, INVALID, "The body is missing.", remedy="Send the fields that `/v1/reference` lists.")
    detail = f"{first['field'] or 'The body'}: {first['detail']}"
    more: dict[str, Any] = {"errors": found} if len(found) > 1 else {}
    return HttpProblem(422, INVALID, detail, field=first["field"], **more)


def _told(entry: Any) -> str:
    """pydantic's sentence, where it does not name a class of ours."""
    return (
        "Input should be an object"
        if entry["type"] == "model_type"
        else str(entry["msg"]).removeprefix("Value error, ")
    )


def path(location: Sequence[int | str]) -> str:
    """`("to", 0, "email")` is `to[0].email`."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return written.removeprefix(".")


def install(api: FastAPI) -> None:
    """Every error of a route leaves as a problem. What is unexpected is the middleware's: see `unexpected`."""
    ours = (HttpProblem, RequestValidationError, HTTPException, Malformed, Refused, RpcRefused, *OUTAGES)
    for kind in ours:
        translate(api, kind, _of)


def translate(api: FastAPI, kind: type[E], problem_of: Callable[[E], HttpProblem]) -> None:
    """A service's own errors, as problems of the one shape."""

    @api.exception_handler(kind)
    async def _problem(request: Request, error: E) -> JSONResponse:
        return respond(request, problem_of(error))


def _of(error: Exception) -> HttpProblem:
    problem = of(error)
    assert problem is not None, f"{type(error).__name__} is registered and no problem"
    return problem


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """A bug: logged with its place, answered with nothing but the request's id."""
    _log.error("request failed", path=request.url.path, exc_info=error)
    return respond(request, HttpProblem(500, "internal", "It is logged under this request's id.", remedy=LAST_REMEDY))
