"""A message for unit tests, in any state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.send.domain.message import Message
from services.send.domain.state import State

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": "acme:r-1",
        "team": "acme",
        "request_id": "r-1",
        "account": "acc-1",
        "state": State.QUEUED,
        "due": NOW,
        "sender": "ada@example.com",
        "recipients": ("grace@example.org",),
        "subject": "Lunch?",
        "message_id": "<m@example.com>",
        "marker": "abc",
        "correlation_id": "r-1",
        "causation_id": "event-1",
        "created_at": NOW,
        "metadata": '{"a": 1}',
    }
    return Message(**(fields | changes))
