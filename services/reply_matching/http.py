"""The replies API: what was answered to a team's mails, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from replywire_contracts.v1.values import AttachmentInfo

from services.reply_matching.correcting import Correcting, Unheard, announced_of
from services.reply_matching.domain.classification import Class
from services.reply_matching.ports import HeldReplies
from services.runtime.http import Caller, HttpProblem, Page, api_key, decode_cursor, encode_cursor
from services.runtime.outcomes import Malformed

_Reader = Annotated[Caller, Depends(api_key("replies:read"))]
_Corrector = Annotated[Caller, Depends(api_key("replies:write"))]


class CorrectionAsked(BaseModel):
    """What it was in truth. What is left out stays as it was announced."""

    model_config = ConfigDict(extra="forbid")

    message_class: Class | None = Field(default=None, alias="class")
    request_id: str | None = Field(default=None, min_length=1, max_length=128, description="The message it answers")
    none: bool = Field(default=False, description="It answers no message of yours")
    reason: str = Field(default="", max_length=500)


class CorrectionView(BaseModel):
    """A correction as recorded: which key asked for it, and which event took the place of which."""

    by: str
    at: datetime
    reason: str
    event_id: str
    corrects: str
    message_class: str = Field(serialization_alias="class")
    request_id: str
    withdrawn: bool


class ReplyView(BaseModel):
    """A reply as held; `event` is what was announced about it, `new_text` the new words alone."""

    reply_id: str
    request_id: str
    account_id: str
    message_class: str = Field(serialization_alias="class")
    received_at: datetime
    new_text: str
    attachments: list[AttachmentInfo]
    incomplete: bool = Field(description="The message was too large, or gone before it could be fetched whole")
    event_kind: str
    event: dict[str, JsonValue]
    withdrawn: bool = Field(description="Corrected: it answers no message of yours")
    corrections: list[CorrectionView]


class ReplyWhole(ReplyView):
    text: str
    html: str = Field(description="Sanitised: no scripts, nothing loaded from afar")


def routes(replies: HeldReplies, correcting: Correcting) -> APIRouter:
    router = APIRouter(prefix="/v1/replies", tags=["replies"])

    @router.get("", response_model_by_alias=True)
    async def list_replies(
        caller: _Reader,
        request_id: Annotated[str | None, Query(max_length=128)] = None,
        account_id: Annotated[str | None, Query(max_length=64)] = None,
        message_class: Annotated[str | None, Query(alias="class", max_length=32)] = None,
        since: Annotated[datetime | None, Query(description="Received at or after; with a time zone")] = None,
        cursor: Annotated[str | None, Query(max_length=512)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Page[ReplyView]:
        if since is not None and since.tzinfo is None:
            raise HttpProblem(422, "invalid_request", "since: give a time zone, for example 2026-01-31T09:00:00Z")
        wanted = {"request_id": request_id, "account_id": account_id, "class": message_class}
        conditions: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if since is not None:
            conditions["received_at"] = {"$gte": since}
        after = str(decode_cursor(cursor).get("after", "")) if cursor else None
        found = await replies.page(caller.team_id, conditions, after, limit + 1)
        last = encode_cursor({"after": found[limit - 1]["_id"]}) if len(found) > limit else None
        return Page(items=[ReplyView(**_view(reply)) for reply in found[:limit]], next=last)

    @router.get("/{reply_id}", response_model_by_alias=True)
    async def read_reply(caller: _Reader, reply_id: str) -> ReplyWhole:
        found = await replies.one(caller.team_id, reply_id)
        if found is None:
            raise _unheard()
        return _whole(found)

    @router.post("/{reply_id}/correction", response_model_by_alias=True)
    async def correct_reply(caller: _Corrector, reply_id: str, asked: CorrectionAsked) -> ReplyWhole:
        """Say what a reply was in truth; an event that names the earlier one in `corrects` is published. The same
        correction twice is one event."""
        other = asked.message_class is not None or asked.request_id is not None
        if asked.none == other:
            wrong = (
                "cannot stand beside class or request_id" if asked.none else "is missing, as are request_id and none"
            )
            remedy = "Give `class`, `request_id` or both - or `none: true` alone."
            field = "none" if asked.none else "class"
            raise Malformed(f"{field} {wrong}.", field, remedy)
        try:
            corrected = await correcting.correct(
                caller.team_id,
                reply_id,
                klass=asked.message_class,
                request_id=asked.request_id,
                none=asked.none,
                reason=asked.reason,
                key_id=caller.key_id,
            )
        except Unheard:
            raise _unheard() from None
        return _whole(corrected)

    return router


def _unheard() -> HttpProblem:
    return HttpProblem(404, "not_found", "No reply of your team has this id.")


def _whole(reply: Mapping[str, Any]) -> ReplyWhole:
    return ReplyWhole(**_view(reply), text=reply["words"]["text"], html=reply["words"]["html"])


def _view(reply: Mapping[str, Any]) -> dict[str, Any]:
    announced = announced_of(reply)[0]
    return {
        "reply_id": reply["_id"],
        "request_id": reply["request_id"],
        "account_id": reply["account_id"],
        "message_class": reply["class"],
        "received_at": reply["received_at"],
        "new_text": reply["words"]["new"],
        "attachments": reply["attachments"],
        "incomplete": reply["incomplete"],
        "event_kind": announced.kind(),
        "event": announced.model_dump(mode="json", exclude_none=True),
        "withdrawn": announced.withdrawn,
        "corrections": [{**one, "message_class": one["class"]} for one in reply.get("corrections", ())],
    }
