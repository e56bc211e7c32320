"""The states of one message, from the request to its end, and which of them still need the dispatcher."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """queued → submitting → committing → sent | deferred | failed | unknown → sent | deferred | unconfirmed.

    Up to and with SUBMITTING nothing can have left; from COMMITTING on, silence means that it may have.
    Where the customer's own code sends: queued → handed_out → sent | failed | unconfirmed."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    COMMITTING = "committing"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    HANDED_OUT = "handed_out"
    """Somebody's code took it and has not reported: it may have left, and may be taken again once the lease is over."""
    UNCONFIRMED = "unconfirmed"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


NOTHING_LEFT = (State.QUEUED, State.DEFERRED)
"""May still be cancelled: no attempt is under way."""

HANDED_OVER = (State.SUBMITTING, State.COMMITTING)
"""An attempt is under way, or its process died in it."""

CLOSED = (State.SENT, State.FAILED, State.CANCELLED)
"""For ever."""
