"""auth's refusals as problems (RFC 9457): the field, the remedy, and the mail server's own words apart from ours."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.auth.domain.refusals import Conflict, NotFound, NotProved, Refused
from services.runtime import problems
from services.runtime.problems import HttpProblem


def install(api: FastAPI) -> None:
    problems.translate(api, Refused, problem_of)


def problem_of(error: Refused) -> HttpProblem:
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    status = 422
    match error:
        case NotFound():
            status = 404
        case Conflict():
            status = 409
        case NotProved():
            status = 503 if error.again else 422
            said = {"server_code": error.server_code, "server_words": error.server_words}
            more = {name: value for name, value in said.items() if value}
            if error.again:
                headers["Retry-After"] = str(error.retry_after or 5)
    return HttpProblem(
        status,
        error.code,
        error.detail,
        field=error.field or None,
        remedy=error.remedy or None,
        headers=headers,
        **more,
    )
