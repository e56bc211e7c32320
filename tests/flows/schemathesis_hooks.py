"""What schemathesis is told before its requests leave; loaded by it, in a process of its own."""

from __future__ import annotations

import os
from typing import Any

import schemathesis

from services.runtime import idempotency

OWN_KEY = os.environ["REPLYWIRE_TEST_KEY_ID"]


@schemathesis.serializer("message/rfc822")
def octets(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(_: Any, case: schemathesis.Case[Any], __: dict[str, Any]) -> None:
    if case.path_parameters.get("key_id") == OWN_KEY:
        case.path_parameters["key_id"] = "x" * 12  # the run would saw off the branch it sits on
    chained = case.meta is not None and case.meta.phase.name.value == "stateful"
    if chained and idempotency.HEADER in case.headers:
        case.headers[idempotency.HEADER] = case.id  # else the same answer again, whatever became of what it tells of
    body: Any = case.body
    wait = body.get("wait_seconds") if isinstance(body, dict) else None
    if isinstance(wait, int | float) and 0 < wait <= 50:
        body["wait_seconds"] = 0  # long polls are tested elsewhere
