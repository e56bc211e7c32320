"""auth's refusals as problems (RFC 9457): the field, the remedy, and the mail server's own words apart from ours."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from services.auth.domain.refusals import Conflict, NotFound, NotProved, Refused
from services.runtime.problems import HttpProblem, respond


def install(api: FastAPI) -> None:
    @api.exception_handler(Refused)
    async def _refused(request: Request, error: Refused) -> JSONResponse:
        return respond(request, problem_of(error))

    @api.exception_handler(RequestValidationError)
    async def _unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        # pydantic's report without the input: a password may be in it.
        found = [{"field": _path(entry["loc"]), "detail": str(entry["msg"])} for entry in error.errors()]
        return respond(
            request,
            HttpProblem(
                422,
                "invalid_field",
                f"{found[0]['field'] or 'The body'}: {found[0]['detail']}",
                field=found[0]["field"],
                remedy="Correct this field and send the request again.",
                errors=found,
            ),
        )


def problem_of(error: Refused) -> HttpProblem:
    more: dict[str, Any] = {"field": error.field, "remedy": error.remedy}
    headers: dict[str, str] = {}
    status = 422
    match error:
        case NotFound():
            status = 404
        case Conflict():
            status = 409
        case NotProved():
            status = 503 if error.again else 422
            more |= {"server_code": error.server_code, "server_words": error.server_words}
            if error.retry_after is not None:
                headers["Retry-After"] = str(error.retry_after)
    shown = {name: value for name, value in more.items() if value}
    return HttpProblem(status, error.code, error.detail, headers=headers, **shown)


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part not in ("body", "query", "path"))
