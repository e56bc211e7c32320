"""Events to publish in tests."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from replywire_contracts.v1.send import SendAccepted, SendRequested
from replywire_contracts.v1.values import Address, Body

_number = count(1)


def send_requested(request_id: str | None = None, **more: object) -> SendRequested:
    name = request_id or f"r-{next(_number)}"
    given: dict[str, object] = {
        "id": f"requested-{name}",
        "occurred_at": datetime.now(UTC),
        "team_id": "acme",
        "correlation_id": name,
        "request_id": name,
        "account_id": "acc_1",
        "to": (Address(email="ada@example.org"),),
        "subject": "Hello",
        "text": Body(text="Good day"),
    }
    return SendRequested.model_validate({**given, **more})


def send_accepted(request_id: str | None = None, **more: object) -> SendAccepted:
    name = request_id or f"r-{next(_number)}"
    given: dict[str, object] = {
        "id": f"accepted-{name}",
        "occurred_at": datetime.now(UTC),
        "team_id": "acme",
        "correlation_id": name,
        "request_id": name,
        "account_id": "acc_1",
    }
    return SendAccepted.model_validate({**given, **more})
