"""What an admin must have done before a team may be offered the External client. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SCOPE = "external:work"
HTTP, BUS = "http", "nats"
DELIVERIES: Mapping[str, str] = {
    HTTP: "their code takes messages over HTTP, long-polled",
    BUS: "their code takes messages by requests on the team's own subjects of NATS, with credentials of its own",
}


@dataclass(frozen=True, slots=True)
class Setup:
    """As the admin left it."""

    team: str
    delivery: str | None = None
    test_request: str | None = None
    """The last test message, of the present way of handing over."""
    tested_at: datetime | None = None
    proved_at: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    code: str
    words: str


def missing(setup: Setup, keys: int) -> tuple[Missing, ...]:
    """In the order in which it is done. None: it is complete."""
    lacking = []
    if not keys:
        words = f"Create an API key with the scope {SCOPE}, for the code that sends."
        lacking.append(Missing("api_key", words))
    if setup.delivery is None:
        lacking.append(Missing("delivery", "Choose how messages are handed over: http or nats."))
    if setup.proved_at is None:
        asked = (
            "It has not been reported as sent yet." if setup.test_request else "Start one, and let your code take it."
        )
        lacking.append(Missing("test", f"Prove it with a test message. {asked}"))
    return tuple(lacking)
