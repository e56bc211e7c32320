"""The replies API: what was answered to a team's mails, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool
from replywire_contracts.v1.values import AttachmentInfo

from services.reply_matching.correcting import Correcting, Unheard, announced_of
from services.reply_matching.domain.classification import Class
from services.reply_matching.ports import HeldReplies
from services.runtime.http import (
    Caller,
    Cursor,
    HttpProblem,
    Instant,
    Limit,
    Page,
    PathId,
    after,
    api_key,
    encode_cursor,
    not_found,
)
from services.runtime.outcomes import Malformed, Refused
from services.runtime.problem_codes import UNFIT, refusals

_Reader = Annotated[Caller, Depends(api_key("replies:read"))]
_Corrector = Annotated[Caller, Depends(api_key("replies:write"))]


class CorrectionAsked(BaseModel):
    """What it was in truth. What is left out stays as it was announced."""

    model_config = ConfigDict(extra="forbid")

    message_class: Class | None = Field(default=None, alias="class")
    request_id: str | None = Field(default=None, min_length=1, max_length=128, description="The message it answers")
    none: StrictBool = Field(default=False, description="It answers no message of yours")
    reason: str = Field(default="", max_length=500)


class CorrectionView(BaseModel):
    """A correction as recorded: which key asked for it, and which event took the place of which."""

    by: str = Field(examples=["key:Ab3dE6gH9jK2"])
    at: datetime
    reason: str = Field(examples=["It is a person's answer."])
    event_id: str
    corrects: str
    message_class: str = Field(serialization_alias="class", examples=["human"])
    request_id: str
    withdrawn: bool


class ReplyView(BaseModel):
    """A reply as held; `event` is what was announced about it, `new_text` the new words alone."""

    reply_id: str
    request_id: str
    account_id: str
    message_class: str = Field(
        serialization_alias="class", examples=["human"], description="human, out_of_office, bounce, …; more may come"
    )
    received_at: datetime
    new_text: str = Field(examples=["With pleasure."])
    attachments: list[AttachmentInfo]
    incomplete: bool = Field(description="The message was too large, or gone before it could be fetched whole")
    event_kind: str = Field(examples=["mail.v1.reply.detected"])
    event: dict[str, JsonValue] = Field(examples=[{"matched_by": "in_reply_to"}], description="As it was announced")
    withdrawn: bool = Field(description="Corrected: it answers no message of yours")
    corrections: list[CorrectionView]


class ReplyWhole(ReplyView):
    text: str = Field(examples=["With pleasure.\n\n> Would you join us?"])
    html: str = Field(examples=["<p>With pleasure.</p>"], description="Sanitised: no scripts, nothing loaded from afar")


def routes(replies: HeldReplies, correcting: Correcting) -> APIRouter:
    router = APIRouter(prefix="/v1/replies", tags=["replies"])

    @router.get("", response_model_by_alias=True)
    async def list_replies(
        caller: _Reader,
        request_id: Annotated[str | None, Query(max_length=128)] = None,
        account_id: Annotated[str | None, Query(max_length=64)] = None,
        message_class: Annotated[str | None, Query(alias="class", max_length=32)] = None,
        since: Annotated[Instant | None, Query(description="Received at or after; with a time zone")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[ReplyView]:
        """What was answered to the team's mails, the newest first."""
        wanted = {"request_id": request_id, "account_id": account_id, "class": message_class}
        conditions: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if since is not None:
            conditions["received_at"] = {"$gte": since}
        found = await replies.page(caller.team_id, conditions, after(cursor), limit + 1)
        last = encode_cursor({"after": found[limit - 1]["_id"]}) if len(found) > limit else None
        return Page(items=[ReplyView(**_view(reply)) for reply in found[:limit]], next=last)

    @router.get("/{reply_id}", response_model_by_alias=True)
    async def read_reply(caller: _Reader, reply_id: PathId) -> ReplyWhole:
        """One reply with its whole text and its HTML."""
        found = await replies.one(caller.team_id, reply_id)
        if found is None:
            raise _unheard()
        return _whole(found)

    @router.post(
        "/{reply_id}/correction",
        response_model_by_alias=True,
        responses=refusals(
            {
                409: {"too_many_corrections": "It was corrected too often already"},
                422: {
                    UNFIT: "Nothing is corrected, or `none` beside something else, or no message has this request_id"
                },
            }
        ),
    )
    async def correct_reply(caller: _Corrector, reply_id: PathId, asked: CorrectionAsked) -> ReplyWhole:
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
        except Refused as refused:
            code, _, detail = refused.reason.partition(": ")
            raise HttpProblem(409, code, f"{detail.capitalize()}.") from refused
        return _whole(corrected)

    return router


def _unheard() -> HttpProblem:
    return not_found("No reply of your team has this reply_id.")


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
