"""What schemathesis is told before its requests leave; loaded by it, in a process of its own."""

from __future__ import annotations

import os
import re
from typing import Any

import schemathesis

from services.runtime import idempotency
from services.runtime.operations import codes_of
from services.runtime.problem_shape import INVALID

OWN_KEY = os.environ["REPLYWIRE_TEST_KEY_ID"]
_KEY = re.compile(idempotency.SCHEMA["pattern"])
_BEYOND_THE_SCHEMA = (400, 422)
"""Where the document says why what it describes may be refused all the same: each reason is a code of its own."""


@schemathesis.serializer("message/rfc822")
def octets(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(_: Any, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    if case.path_parameters.get("key_id") == OWN_KEY:
        case.path_parameters["key_id"] = "x" * 12  # the run would saw off the branch it sits on
    given = case.headers.get(idempotency.HEADER)
    if given is not None and _KEY.fullmatch(str(given)) and not _is_about(case, "Authorization"):
        if case.meta is not None and case.meta.phase.name.value in ("examples", "stateful"):
            case.headers[idempotency.HEADER] = case.id  # else it is the first request's answer that is looked at
        else:
            del case.headers[idempotency.HEADER]  # each costs two writes, and there are hundreds
    body: Any = case.body
    wait = body.get("wait_seconds") if isinstance(body, dict) else None
    if isinstance(wait, int | float) and 0 < wait <= 50:
        body["wait_seconds"] = 0  # long polls are tested elsewhere


def _is_about(case: schemathesis.Case[Any], parameter: str) -> bool:
    """Of the phase that varies one parameter at a time."""
    return case.meta is not None and getattr(case.meta.phase.data, "parameter", None) == parameter


@schemathesis.check
def problems_are_the_promised_ones(_: Any, response: Any, case: schemathesis.Case[Any]) -> None:
    """Every problem has a code that its route names; and what fits the schema is never told that it does not."""
    if response.status_code < 400 or response.status_code == 405:
        return
    problem = response.json()
    promised = codes_of(case.operation.definition.raw, case.operation.schema.raw_schema)
    assert problem["code"] in promised.get(response.status_code, ()), f"{problem['code']} is not named there: {problem}"
    if case.meta is not None and case.meta.generation.mode.is_positive and response.status_code in _BEYOND_THE_SCHEMA:
        assert problem["code"] != INVALID, f"the schema allows it: {problem}"
