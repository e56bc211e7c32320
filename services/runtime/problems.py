"""Errors as an HTTP client reads them: `application/problem+json`, RFC 9457, one shape for all of them.

`type` and `code` name the kind for machines, `detail` says the cause and `remedy` what to do, `field` which part of the
request is at fault (`settings.smtp.port`, `to[0].email`), `instance` and `request_id` which request it was.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from services.runtime import mongo
from services.runtime.logging import get_logger
from services.runtime.outcomes import Malformed, Outage, Refused
from services.runtime.rpc import RpcRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEDIA_TYPE = "application/problem+json"
INVALID = "invalid_request"
_log = get_logger(__name__)
_STATUS_OF_CODE = {
    "not_found": 404, "unknown_account": 404, "conflict": 409, "needs_reauth": 409, "disconnected": 409,
    "forbidden": 403, "too_large": 413, "unavailable": 503,
}  # fmt: skip
_REMEDIES = {
    400: "Send the request again as the reference describes it.",
    401: "Make an API key on the team's settings page or with `POST /v1/api-keys`, and send it whole.",
    403: "Use a key that has the scope, or make one.",
    404: "List what there is to see its ids, and check the path.",
    405: "Use one of the methods in `Allow`.",
    409: "Read what is there, and decide anew.",
    413: "Send less at once.",
    415: "Send JSON with `Content-Type: application/json`.",
    422: "Correct what `detail` names and send the request again.",
    429: "Wait for the seconds in `Retry-After`.",
    503: "Send the request again after the seconds in `Retry-After`.",
}
"""What to do where the raiser does not say it better."""
_LAST_REMEDY = "Give the `request_id` to whoever runs this installation: the log has the rest."

OUTAGES: tuple[type[Exception], ...] = (Outage, *mongo.OUTAGES)
E = TypeVar("E", bound=Exception)


class WrongField(BaseModel):
    field: str = Field(examples=["settings.smtp.port"])
    detail: str = Field(examples=["Input should be a valid integer"])


class Problem(BaseModel):
    """RFC 9457. Some kinds of problem say more, in fields of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:replywire:problem:not_found"], description="A URI per `code`")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["Your team has none with this id."], description="The cause, for people")
    instance: str = Field(examples=["urn:replywire:request:4f1c2a9e"])
    code: str = Field(examples=["not_found"], description="A stable slug, for programs; more may come")
    remedy: str = Field(examples=["List what there is to see its ids."], description="What to do about it")
    request_id: str = Field(examples=["4f1c2a9e"], description="The answer's `X-Request-Id`")
    field: str | None = Field(default=None, examples=["to[0].email"], description="The part of the request at fault")
    errors: list[WrongField] | None = Field(default=None, description="Every wrong field, where there are several")


class HttpProblem(Exception):
    """`code` is a stable slug for machines, `detail` says the cause and `remedy` what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail or HTTPStatus(status).description or HTTPStatus(status).phrase
        self.field = field
        self.remedy = remedy or _REMEDIES.get(status, _LAST_REMEDY)
        self.headers = headers
        self.more = more

    def content(self, request_id: str) -> dict[str, Any]:
        named = {"field": self.field} if self.field else {}
        return {
            "type": f"urn:replywire:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:replywire:request:{request_id}",
            "code": self.code,
            "remedy": self.remedy,
            "request_id": request_id,
            **named,
            **self.more,
        }


def respond(request: Request, problem: HttpProblem) -> JSONResponse:
    content = problem.content(str(request.scope.get("request_id", "")))
    return JSONResponse(content, problem.status, media_type=MEDIA_TYPE, headers=dict(problem.headers or {}))


def not_found(what: str, remedy: str | None = None) -> HttpProblem:
    """The same for what is unknown and for what is another team's."""
    return HttpProblem(404, "not_found", what, remedy=remedy)


def invalid(field: str, detail: str, remedy: str | None = None) -> HttpProblem:
    return HttpProblem(422, INVALID, detail, field=field, remedy=remedy)


def of(error: Exception) -> HttpProblem | None:
    """What an error that a route may raise is to a client; None for a bug."""
    match error:
        case HttpProblem():
            return error
        case RequestValidationError():
            return of_validation(error.errors())
        case HTTPException(status_code=400):  # FastAPI's word for a body that is no text, or nested beyond reading
            return HttpProblem(400, INVALID, "The body cannot be read.")
        case HTTPException():
            code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
            known = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
            said = {404: "There is nothing at this path."}.get(error.status_code, str(error.detail))
            return HttpProblem(error.status_code, known.get(error.status_code, code), said, headers=error.headers)
        case Malformed():
            return invalid(error.field, error.reason, error.remedy)
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
        {"field": path(entry["loc"] if whole_body else entry["loc"][1:]), "detail": str(entry["msg"])}
        for entry in errors
    ]
    if any(entry["type"] == "json_invalid" for entry in errors):
        return HttpProblem(422, INVALID, "The body is not JSON.")
    first = found[0]
    detail = f"{first['field'] or 'The body'}: {first['detail']}"
    more: dict[str, Any] = {"errors": found} if len(found) > 1 else {}
    return HttpProblem(422, INVALID, detail, field=first["field"], **more)


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
    return respond(request, HttpProblem(500, "internal", "It is logged under this request's id.", remedy=_LAST_REMEDY))
