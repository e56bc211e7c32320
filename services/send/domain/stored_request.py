"""A request as it is kept for people to read, and the message it becomes before anything about it is known. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from replywire_contracts.v1.send import SendRequested

from services.send.domain.message import Message, document_id
from services.send.domain.state import State


def blank_message(request: SendRequested, now: datetime, trace: str = "") -> Message:
    return Message(
        id=document_id(request.team_id, request.request_id),
        team=request.team_id,
        request_id=request.request_id,
        account=request.account_id,
        state=State.QUEUED,
        due=max(now, request.send_at or now),
        sender="",
        recipients=tuple(each.email for each in (*request.to, *request.cc, *request.bcc)),
        subject=request.subject,
        message_id="",
        marker="",
        correlation_id=request.correlation_id,
        causation_id=request.id,
        trace=trace,
        created_at=now,
        metadata=json.dumps(request.metadata),
        expires_at=request.expires_at,
    )


def stored_form(request: SendRequested) -> str:
    """JSON text without the files' octets: those are in the frozen message."""
    files = tuple(file.model_copy(update={"content": None}) for file in request.attachments)
    bare = request.model_copy(update={"attachments": files}) if files else request
    return bare.model_dump_json(exclude_none=True)
