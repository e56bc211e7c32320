"""What becomes of an event when its handler is done: the one table from errors to acknowledgement. Pure.

Malformed          dead letter: it can never be read, whoever tries
Refused            dead letter: it was read, and will not be carried out
(an outage)        waited for in place, the message kept by heartbeats: an outage costs no delivery
(any other error)  delivered again after a growing delay, and dead-lettered with its payload at the last delivery
CancelledError     nothing is settled: delivered again
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DELAYS: tuple[float, ...] = (1, 2, 5, 15, 30, 60)
"""Seconds before the second, third, ... delivery; the last one repeats. `nak` ignores the consumer's own backoff."""

OUTAGE_DELAYS: tuple[float, ...] = (0.2, 0.5, 1, 2, 5, 10)
"""Seconds between tries while something we stand on is away."""

OUTAGE_PATIENCE = 900.0
"""Seconds one delivery waits for an outage; then it counts as failed: the message itself may bring it about."""


class Malformed(Exception):
    """The event cannot be understood. `field` and `remedy` are for the person who published it."""

    def __init__(self, reason: str, field: str = "", remedy: str = "") -> None:
        super().__init__(": ".join(filter(None, (reason, field, remedy))))
        self.reason = reason
        self.field = field
        self.remedy = remedy


class Refused(Exception):
    """The event was understood and will not be carried out. `reason` is a stable slug with its words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outage(Exception):
    """Something we stand on is away. Adapters may raise it (or a subclass) for what is not the message's fault."""


class Action(StrEnum):
    ACK = "ack"
    RETRY = "retry"
    WAIT = "wait"
    DEAD_LETTER = "dead_letter"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Outcome:
    action: Action
    reason: str = ""
    delay: float = 0.0


TABLE: tuple[tuple[type[BaseException], Action, str], ...] = (
    (asyncio.CancelledError, Action.LEAVE, "cancelled"),
    (Malformed, Action.DEAD_LETTER, "malformed"),
    (Refused, Action.DEAD_LETTER, "refused"),
    (Outage, Action.WAIT, "outage"),
)
"""First match wins; `outages` of `decide` extend it by the drivers' own classes. What is not here is RETRY."""


def decide(
    error: BaseException | None,
    *,
    delivery: int,
    max_deliver: int,
    waited: float = 0.0,
    attempt: int = 0,
    outages: Iterable[type[BaseException]] = (),
) -> Outcome:
    """`delivery` counts from 1; `waited` and `attempt` tell how long and how often this delivery has met an outage."""
    if error is None:
        return Outcome(Action.ACK)
    action, reason = Action.RETRY, "error"
    for kind, what, why in (*TABLE, *((outage, Action.WAIT, "outage") for outage in outages)):
        if isinstance(error, kind):
            action, reason = what, why
            break
    if action is Action.WAIT and waited < OUTAGE_PATIENCE:
        return Outcome(Action.WAIT, reason, OUTAGE_DELAYS[min(attempt, len(OUTAGE_DELAYS) - 1)])
    if action in (Action.RETRY, Action.WAIT):
        if delivery >= max_deliver:
            return Outcome(Action.DEAD_LETTER, f"{reason}, {delivery} deliveries")
        return Outcome(Action.RETRY, reason, DELAYS[min(delivery, len(DELAYS)) - 1])
    return Outcome(action, reason)
