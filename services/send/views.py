"""Messages and mailboxes as the HTTP face shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from pydantic_core import from_json, to_json
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Identities, RecipientOutcome

from services.runtime.parameters import Instant
from services.send.domain.mailbox import Mailbox

_ENVELOPE = {"id", "occurred_at", "team_id", "correlation_id", "causation_id"}


_SCHEMA = SendRequested.model_json_schema(ref_template="#/components/schemas/{model}")
NEW_MESSAGE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["request_id", "account_id"],
                    "description": "The fields of send.requested without its envelope",
                    "properties": {
                        name: {"description": "Of the event's envelope: ignored"} if name in _ENVELOPE else shown
                        for name, shown in _SCHEMA["properties"].items()
                    },
                    "additionalProperties": False,
                    "$defs": _SCHEMA.get("$defs", {}),
                    "examples": [
                        {
                            "request_id": "order-17-welcome",
                            "account_id": "acc_5f0c7c2e9b7a4d1e8f3a6b2c",
                            "to": [{"email": "grace@example.org", "name": "Grace"}],
                            "subject": "Lunch on Friday?",
                            "text": {"text": "Would you join us?"},
                            "metadata": {"campaign": "spring"},
                        }
                    ],
                }
            }
        },
    }
}
"""What `POST /messages` takes, for the OpenAPI page."""


class _Times(BaseModel):
    send_at: Instant | None = None
    expires_at: Instant | None = None


def request_of(octets: bytes, team: str) -> SendRequested:
    """The fields are the event's, and so are the checks; the team is the caller's. Raises `ValidationError`, or another
    `ValueError` where it is no JSON."""
    content = from_json(octets)
    if not isinstance(content, dict):
        return SendRequested.model_validate(content)
    fields = {name: value for name, value in content.items() if name not in _ENVELOPE}
    _Times.model_validate(content)
    # Readers of events are tolerant and take a number for a time; who asks over HTTP is told what he mistook.
    return SendRequested.model_validate_json(to_json({**fields, "team_id": team}), strict=True)


class FailureView(BaseModel):
    reason: str = Field(examples=["refused_recipient"])
    code: str = Field(default="", examples=["550 5.1.1"])
    words: str = Field(default="", examples=["No such user"], description="The server's own")
    remedy: str = Field(default="", examples=["Check the address with the recipient."])
    field: str | None = None


class CopyView(BaseModel):
    """The copy in the Sent folder: pending, done, skipped (the provider files it) or stopped."""

    state: str = Field(examples=["done"])
    attempts: int = 0
    due: datetime | None = None
    reason: str | None = None
    words: str | None = None
    remedy: str | None = None
    folder: str | None = None


class MessageView(BaseModel):
    request_id: str
    account_id: str
    state: str = Field(examples=["sent"], description="accepted … sent, failed, unconfirmed, cancelled; more may come")
    subject: str
    recipients: list[str] = Field(
        examples=[["grace@example.org"]], description="Everyone in the envelope, Bcc included"
    )
    created_at: datetime
    updated_at: datetime
    send_at: datetime | None = None
    expires_at: datetime | None = None
    next_at: datetime | None = Field(default=None, description="When it is looked at next")
    sent_at: datetime | None = None
    attempts: int
    identities: Identities
    failure: FailureView | None = Field(default=None, examples=[None])
    recipient_outcomes: list[RecipientOutcome] = []
    sent_copy: CopyView | None = None
    metadata: dict[str, JsonValue] = {}


class HistoryLine(BaseModel):
    model_config = {"extra": "allow"}

    at: datetime
    state: str = Field(examples=["sent"])
    detail: str | None = None


class MessageWhole(MessageView):
    history: list[HistoryLine]


class BodyView(BaseModel):
    text: str | None = Field(default=None, examples=["Would you join us?"])
    html: str | None = Field(default=None, examples=["<p>Would you join us?</p>"])
    attachments: list[dict[str, JsonValue]] = []
    headers: dict[str, str] = {}


class SendingMailboxView(BaseModel):
    account_id: str
    client: str
    address: str
    state: str = Field(examples=["connected"], description="auth's word: connected, needs_reauth, disconnected")
    waits_until: datetime | None = None
    waits_for: FailureView | None = Field(default=None, examples=[None], description="Why nothing leaves just now")
    rate_tokens: float | None = Field(default=None, description="Messages that may leave at once")


def message_view(found: Mapping[str, Any]) -> dict[str, Any]:
    names = found.get("identities") or {
        "message_ids": [found["message_id"]] if found["message_id"] else [],
        "marker": found["marker"] or None,
    }
    return {
        "request_id": found["request_id"],
        "account_id": found["account"],
        "state": found["state"],
        "subject": found["subject"],
        "recipients": found["recipients"],
        "created_at": found["created_at"],
        "updated_at": found["updated_at"],
        "send_at": found.get("send_at"),
        "expires_at": found.get("expires_at") or found.get("expires"),
        "next_at": found.get("due") or (found.get("offer") or {}).get("at"),
        "sent_at": found.get("sent_at"),
        "attempts": found["attempts"],
        "identities": Identities(**names),
        "failure": found.get("failure") if found["state"] != "sent" else None,
        "recipient_outcomes": found.get("recipients_told", []),
        "sent_copy": found.get("copy"),
        "metadata": json.loads(found["metadata"]),
    }


def message_whole(found: Mapping[str, Any]) -> dict[str, Any]:
    return {**message_view(found), "history": [_line(line) for line in found["history"]]}


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    told = [str(line[name]) for name in ("reason", "code", "words", "decision", "by") if line.get(name)]
    return {**line, "detail": " ".join(told) or None}


def mailbox_view(mailbox: Mailbox, now: datetime) -> SendingMailboxView:
    waits = mailbox.paused_until is not None and mailbox.paused_until > now
    return SendingMailboxView(
        account_id=mailbox.account,
        client=mailbox.client,
        address=mailbox.address,
        state=mailbox.account_state,
        waits_until=mailbox.paused_until if waits else None,
        waits_for=FailureView(**mailbox.pause) if waits and mailbox.pause else None,
        rate_tokens=mailbox.bucket_tokens,
    )
