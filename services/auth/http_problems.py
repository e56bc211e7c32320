"""auth's refusals as problems (RFC 9457): the field, the remedy, and the mail server's own words apart from ours."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.auth.domain.proving import SENTENCES, sentence_of
from services.auth.domain.refusals import Conflict, Invalid, NotFound, NotProved, Refused
from services.runtime import problems
from services.runtime.problem_codes import UNFIT, refusals
from services.runtime.problems import HttpProblem

_OTHER = "server_failed"
_AGAIN = {
    "host_unavailable", "timeout", "connection_lost", "login_unavailable", "login_throttled", "tls_failed", _OTHER,
}  # fmt: skip
_SAID = {reason: sentence_of(reason).rstrip(".") for reason in (*SENTENCES, _OTHER)}
_CONTENDED = {"changed_meanwhile": "It is being changed by somebody else"}
UNPROVED = refusals(
    {
        409: {**_CONTENDED, "connected_by_another": "Somebody else of the team has connected this mailbox"},
        422: {UNFIT: "The mailbox cannot be connected like this: `field` and `remedy` say why", **_SAID},
        503: {reason: _SAID[reason] for reason in _SAID if reason in _AGAIN},
    }
)
"""What connecting a mailbox meets: of the mail server's own words, `server_words` has them as they came."""
CHANGING = refusals({409: _CONTENDED})


def install(api: FastAPI) -> None:
    problems.translate(api, Refused, problem_of)


def problem_of(error: Refused) -> HttpProblem:
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    status, code = 422, error.code
    match error:
        case Invalid():
            code = UNFIT
        case NotFound():
            status = 404
        case Conflict():
            status = 409
        case NotProved():
            code = code if code in _SAID else _OTHER
            status = 503 if error.again and code in _AGAIN else 422
            said = {"server_code": error.server_code, "server_words": error.server_words}
            more = {name: value for name, value in said.items() if value}
            if error.again:
                headers["Retry-After"] = str(error.retry_after or 5)
    return HttpProblem(
        status,
        code,
        error.detail,
        field=error.field or None,
        remedy=error.remedy or None,
        headers=headers,
        **more,
    )
