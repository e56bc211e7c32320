"""What becomes of an open message before anybody hands it over: some end here, the rest goes on. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.send.domain import moves
from services.send.domain.failures import failure
from services.send.domain.mailbox import DISCONNECTED, Mailbox
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.state import NOTHING_LEFT, State

_NOT_COMMITTED = (*NOTHING_LEFT, State.SUBMITTING)


def before_hand_over(message: Message, mailbox: Mailbox, now: datetime, settle: timedelta) -> Move | None:
    """None: it goes on. `message` is open, due, and of no attempt of the asking dispatcher."""
    if message.state is State.COMMITTING:
        # Its dispatcher died or sleeps after the point of no return.
        why = failure("outcome_unknown", "The process that handed it over did not come back.")
        return moves.lost(message, why, now + settle, now)
    if message.state is State.UNKNOWN:
        if mailbox.account_state != DISCONNECTED:
            return None
        why = failure("outcome_unknown", "The mailbox was disconnected before its Sent folder was looked at.")
        return moves.unconfirmed(message, why, now)
    if mailbox.account_state == DISCONNECTED:
        return moves.cancelled(message, now, "account_disconnected", among=_NOT_COMMITTED)
    if message.cancel_wanted:
        return moves.cancelled(message, now, "requested", among=_NOT_COMMITTED)
    if message.expires_at is not None and message.expires_at <= now:
        return expired(message, now)
    return None


def expired(message: Message, now: datetime) -> Move:
    return moves.dropped(message, failure("expired", "expires_at has passed before it could be sent."), now)
