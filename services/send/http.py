"""The messages API: what was asked to be sent, what became of it, and what a person may decide."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError

from services.runtime.http import Caller, HttpProblem, Page, api_key, decode_cursor, encode_cursor
from services.send.cancelling import Cancelling, TooLate, Unheard
from services.send.intake import Intake, Taken
from services.send.ports import MailboxReading, MessageReading, TeamDecisions
from services.send.views import (
    NEW_MESSAGE,
    BodyView,
    MailboxView,
    MessageView,
    MessageWhole,
    mailbox_view,
    message_view,
    message_whole,
    request_of,
)

_Reader = Annotated[Caller, Depends(api_key("messages:read"))]
_Writer = Annotated[Caller, Depends(api_key("messages:write"))]
_Cursor = Annotated[str | None, Query(max_length=512)]
_Limit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True, slots=True)
class Doors:
    """What the routes lead to; `intake` and `cancelling` exist once the bus is there."""

    intake: Callable[[], Intake]
    cancelling: Callable[[], Cancelling]
    messages: MessageReading
    mailboxes: MailboxReading
    teams: TeamDecisions
    largest_request: int
    """Octets of one `POST /messages`, files in base64 included."""


class Resolution(BaseModel):
    decision: Literal["resend", "assume_sent", "cancel"]


class TeamSettings(BaseModel):
    unconfirmed: Literal["ask", "resend", "assume_sent"]


def routes(doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["messages"])
    _reading(router, doors)
    _writing(router, doors)
    _mailboxes(router, doors)
    return router


def _reading(router: APIRouter, doors: Doors) -> None:
    @router.get("/messages", response_model_exclude_none=True)
    async def list_messages(
        caller: _Reader,
        account_id: Annotated[str | None, Query(max_length=64)] = None,
        state: Annotated[str | None, Query(max_length=32)] = None,
        since: Annotated[datetime | None, Query(description="Created at or after; with a time zone")] = None,
        cursor: _Cursor = None,
        limit: _Limit = 50,
    ) -> Page[MessageView]:
        if since is not None and since.tzinfo is None:
            raise HttpProblem(422, "invalid_request", "since: give a time zone, for example 2026-01-31T09:00:00Z")
        asked = {"account": account_id, "state": state, "created_at": None if since is None else {"$gte": since}}
        conditions = {name: value for name, value in asked.items() if value is not None}
        found = await doors.messages.page(caller.team_id, conditions, _place(cursor), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        after = None if last is None else encode_cursor({"at": last["created_at"].isoformat(), "id": last["_id"]})
        return Page(items=[MessageView(**message_view(each)) for each in found[:limit]], next=after)

    @router.get("/messages/{request_id}", response_model_exclude_none=True)
    async def read_message(caller: _Reader, request_id: str) -> MessageWhole:
        return MessageWhole(**message_whole(await _known(doors, caller, request_id)))

    @router.get("/messages/{request_id}/body", response_model_exclude_none=True)
    async def read_body(caller: _Reader, request_id: str) -> BodyView:
        found = await _known(doors, caller, request_id)
        request = json.loads(found["request"])
        body: dict[str, Any] = {}
        for name in ("text", "html"):
            inline = (request.get(name) or {}).get("text")
            body[name] = inline or await doors.messages.body(found["_id"], name, found["hash"])
        return BodyView(**body, attachments=request.get("attachments", []), headers=request.get("headers", {}))

    @router.get("/messages/{request_id}/raw")
    async def read_raw(caller: _Reader, request_id: str) -> Response:
        """The message as it left or will leave: RFC 5322, without Bcc."""
        raw = await doors.messages.raw(caller.team_id, request_id)
        if raw is None:
            raise _unheard()
        return Response(raw, media_type="message/rfc822")


def _writing(router: APIRouter, doors: Doors) -> None:
    @router.post("/messages", status_code=201, response_model_exclude_none=True, openapi_extra=NEW_MESSAGE)
    async def create_message(caller: _Writer, asked: Request, response: Response) -> MessageWhole:
        """The same as publishing `send.requested`: the same request_id is one e-mail, for ever. Answers 200 where it
        is known already."""
        try:
            request = request_of(await _octets(asked, doors.largest_request), caller.team_id)
        except ValidationError as invalid:
            first = invalid.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise HttpProblem(422, "invalid_request", first["msg"], field=field) from invalid
        except ValueError as unreadable:
            raise HttpProblem(422, "invalid_request", "The body is not JSON.") from unreadable
        taken = await doors.intake().take(request)
        if taken is Taken.REUSED:
            detail = "This request_id belongs to another message. Give each e-mail a request_id of its own."
            raise HttpProblem(409, "request_id_reused", detail, field="request_id")
        response.status_code = 201 if taken is Taken.STORED else 200
        return MessageWhole(**message_whole(await _known(doors, caller, request.request_id)))

    @router.post("/messages/{request_id}/cancel", response_model_exclude_none=True)
    async def cancel_message(caller: _Writer, request_id: str) -> MessageWhole:
        """Cancelled where nothing has left yet; else the state tells what it was too late for."""
        try:
            await doors.cancelling().cancel(caller.team_id, request_id, caller.key_id)
        except Unheard:
            raise _unheard() from None
        return MessageWhole(**message_whole(await _known(doors, caller, request_id)))

    @router.post("/messages/{request_id}/resolve", response_model_exclude_none=True)
    async def resolve_message(caller: _Writer, request_id: str, resolution: Resolution) -> MessageWhole:
        """Decide about an unconfirmed message. `resend` may make a second copy: history keeps who decided it."""
        try:
            await doors.cancelling().resolve(caller.team_id, request_id, resolution.decision, caller.key_id)
        except Unheard:
            raise _unheard() from None
        except TooLate as late:
            detail = f"It is {late.state.value}: only unconfirmed messages can be resolved."
            raise HttpProblem(409, "not_unconfirmed", detail, state=late.state.value) from late
        return MessageWhole(**message_whole(await _known(doors, caller, request_id)))


def _mailboxes(router: APIRouter, doors: Doors) -> None:
    @router.get("/sending/mailboxes", response_model_exclude_none=True)
    async def list_mailboxes(caller: _Reader, cursor: _Cursor = None, limit: _Limit = 50) -> Page[MailboxView]:
        after = str(decode_cursor(cursor).get("after", "")) if cursor else None
        found = await doors.mailboxes.of_team(caller.team_id, after, limit + 1)
        following = encode_cursor({"after": found[limit - 1].account}) if len(found) > limit else None
        return Page(items=[mailbox_view(each, datetime.now(UTC)) for each in found[:limit]], next=following)

    @router.get("/sending/mailboxes/{account_id}", response_model_exclude_none=True)
    async def read_mailbox(caller: _Reader, account_id: str) -> MailboxView:
        found = await doors.mailboxes.find(account_id)
        if found is None or found.team != caller.team_id:
            raise HttpProblem(404, "not_found", "No mailbox of your team has this account_id.")
        return mailbox_view(found, datetime.now(UTC))

    @router.get("/sending/settings")
    async def read_settings(caller: _Reader) -> TeamSettings:
        policy: Any = await doors.teams.unconfirmed_policy(caller.team_id)
        return TeamSettings(unconfirmed=policy)

    @router.put("/sending/settings")
    async def change_settings(caller: _Writer, wanted: TeamSettings) -> TeamSettings:
        """What becomes of messages that nobody can confirm, without asking each time."""
        await doors.teams.decide_unconfirmed(caller.team_id, wanted.unconfirmed, caller.key_id)
        return wanted


async def _octets(asked: Request, most: int) -> bytes:
    """The body, read no further than the limit."""
    body = bytearray()
    async for chunk in asked.stream():
        body += chunk
        if len(body) > most:
            raise HttpProblem(413, "too_large", f"A request may hold {most} octets. Send large files as links.")
    return bytes(body)


async def _known(doors: Doors, caller: Caller, request_id: str) -> dict[str, Any]:
    found = await doors.messages.one(caller.team_id, request_id)
    if found is None:
        raise _unheard()
    return found


def _unheard() -> HttpProblem:
    return HttpProblem(404, "not_found", "No message of your team has this request_id.")


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    place = decode_cursor(cursor)
    try:
        return datetime.fromisoformat(str(place["at"])), str(place["id"])
    except (KeyError, ValueError) as error:
        raise HttpProblem(400, "invalid_cursor", "Give `next` of the page before, unchanged, or none.") from error
