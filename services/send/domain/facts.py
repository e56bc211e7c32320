"""The events about one message. Ids derive from what caused them: the same cause publishes the same id again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from replywire_contracts.event import derived_id
from replywire_contracts.v1.send import (
    SendAccepted,
    SendCancelled,
    SendDeferred,
    SendFailed,
    SendSent,
    SendUnconfirmed,
)
from replywire_contracts.v1.values import Failure, Identities, RecipientOutcome

from services.send.domain.message import Message

_WORDS = 100_000
"""Characters of all recipients' words in one event: the bus carries 1 MiB, and refuses for good what is more."""


def _about(message: Message, verb: str, now: datetime, *cause: str) -> dict[str, Any]:
    return {
        "id": derived_id("send", message.team, message.request_id, verb, *cause),
        "occurred_at": now,
        "team_id": message.team,
        "correlation_id": message.correlation_id,
        "causation_id": message.causation_id,
        "request_id": message.request_id,
        "account_id": message.account,
        "metadata": json.loads(message.metadata),
    }


def accepted(message: Message, send_at: datetime | None, now: datetime) -> SendAccepted:
    return SendAccepted(**_about(message, "accepted", now), send_at=send_at)


def sent(
    message: Message,
    identities: Identities,
    recipients: tuple[RecipientOutcome, ...],
    now: datetime,
    sent_at: datetime,
) -> SendSent:
    return SendSent(
        **_about(message, "sent", now),
        sent_at=sent_at,
        identities=identities,
        recipients=_brief(recipients),
        attempts=max(1, message.attempts),
    )


def deferred(message: Message, failure: Failure, retry_at: datetime, now: datetime) -> SendDeferred:
    return SendDeferred(
        **_about(message, "deferred", now, str(message.attempts)),
        retry_at=retry_at,
        failure=failure,
        attempts=message.attempts,
    )


def failed(
    message: Message, failure: Failure, now: datetime, recipients: tuple[RecipientOutcome, ...] = ()
) -> SendFailed:
    return SendFailed(
        **_about(message, "failed", now), failure=failure, recipients=_brief(recipients), attempts=message.attempts
    )


def unconfirmed(message: Message, failure: Failure, now: datetime) -> SendUnconfirmed:
    return SendUnconfirmed(
        **_about(message, "unconfirmed", now, str(message.attempts)),
        failure=failure,
        identities=Identities(message_ids=(message.message_id,), marker=message.marker),
        attempts=max(1, message.attempts),
    )


def cancelled(message: Message, reason: str, now: datetime) -> SendCancelled:
    return SendCancelled(**_about(message, "cancelled", now), reason=reason)


def _brief(recipients: tuple[RecipientOutcome, ...]) -> tuple[RecipientOutcome, ...]:
    """The beginnings of what servers said of each where hundreds said much; the whole is kept with the message."""
    most = _WORDS // max(1, len(recipients))
    if all(len(each.words) <= most for each in recipients):
        return recipients
    return tuple(each.model_copy(update={"words": each.words[:most]}) for each in recipients)
