"""The messages API: what was asked to be sent, what became of it, and what a person may decide."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, ValidationError

from services.runtime import problems
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
    invalid,
    not_found,
)
from services.runtime.paging import after_time
from services.runtime.problem_codes import refusals
from services.send.cancelling import Cancelling, Decision, TooLate, Unheard
from services.send.intake import Intake, Taken
from services.send.ports import MailboxReading, MessageReading, TeamDecisions
from services.send.views import (
    NEW_MESSAGE,
    BodyView,
    MessageView,
    MessageWhole,
    SendingMailboxView,
    mailbox_view,
    message_view,
    message_whole,
    request_of,
)

_Reader = Annotated[Caller, Depends(api_key("messages:read"))]
_Writer = Annotated[Caller, Depends(api_key("messages:write"))]
_RFC822: Any = {"schema": {"type": "string"}, "example": "From: ada@example.com\r\nTo: grace@example.org\r\n\r\nHello"}


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
    decision: Decision = Field(examples=["assume_sent"])


class SendingSettings(BaseModel):
    unconfirmed: Literal["ask", "resend", "assume_sent"] = Field(
        examples=["ask"], description="What becomes of a message of which nobody can tell whether it was sent"
    )


def routes(doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/v1")
    _reading(router, doors)
    _writing(router, doors)
    _mailboxes(router, doors)
    return router


def _reading(router: APIRouter, doors: Doors) -> None:
    @router.get("/messages", tags=["messages"])
    async def list_messages(
        caller: _Reader,
        account_id: Annotated[str | None, Query(max_length=64)] = None,
        state: Annotated[str | None, Query(max_length=32)] = None,
        since: Annotated[Instant | None, Query(description="Created at or after; with a time zone")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[MessageView]:
        """The team's messages, the newest first."""
        asked = {"account": account_id, "state": state, "created_at": None if since is None else {"$gte": since}}
        conditions = {name: value for name, value in asked.items() if value is not None}
        found = await doors.messages.page(caller.team_id, conditions, after_time(cursor), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        place = None if last is None else encode_cursor({"at": last["created_at"].isoformat(), "id": last["_id"]})
        return Page(items=[MessageView(**message_view(each)) for each in found[:limit]], next=place)

    @router.get("/messages/{request_id}", tags=["messages"])
    async def read_message(caller: _Reader, request_id: PathId) -> MessageWhole:
        """One message with its history: every state it was in, since when and why."""
        return MessageWhole(**message_whole(await _known(doors, caller, request_id)))

    @router.get("/messages/{request_id}/body", tags=["messages"])
    async def read_message_body(caller: _Reader, request_id: PathId) -> BodyView:
        """The texts, attachments and extra headers as they were asked for."""
        found = await _known(doors, caller, request_id)
        request = json.loads(found["request"])
        body: dict[str, Any] = {}
        for name in ("text", "html"):
            inline = (request.get(name) or {}).get("text")
            body[name] = inline or await doors.messages.body(found["_id"], name, found["hash"])
        return BodyView(**body, attachments=request.get("attachments", []), headers=request.get("headers", {}))

    @router.get(
        "/messages/{request_id}/raw",
        tags=["messages"],
        response_class=Response,
        responses={
            200: {"description": "RFC 5322", "content": {"message/rfc822": _RFC822}},
            **refusals({409: {"never_rendered": "It ended before it was rendered as a mail"}}),
        },
    )
    async def read_raw_message(caller: _Reader, request_id: PathId) -> Response:
        """The message as it left or will leave: RFC 5322, without Bcc."""
        known = await _known(doors, caller, request_id)
        raw = await doors.messages.raw(caller.team_id, request_id)
        if raw is None:
            detail = "It ended before it was rendered as a mail. Its own `state` and `failure` say why."
            raise HttpProblem(409, "never_rendered", detail, state=known["state"])
        return Response(raw, media_type="message/rfc822")


def _writing(router: APIRouter, doors: Doors) -> None:
    @router.post(
        "/messages",
        tags=["messages"],
        status_code=201,
        openapi_extra=NEW_MESSAGE,
        responses={
            200: {"description": "This request_id is known, with this content", "model": MessageWhole},
            **refusals({409: {"request_id_reused": "This request_id belongs to another message"}}),
        },
    )
    async def create_message(caller: _Writer, asked: Request, response: Response) -> MessageWhole:
        """The same as publishing `send.requested`: the same request_id is one e-mail, for ever. Answers 200 where it
        is known already."""
        try:
            request = request_of(await _octets(asked, doors.largest_request), caller.team_id)
        except ValidationError as wrong:
            found = wrong.errors(include_input=False, include_url=False)
            raise problems.of_validation(found, whole_body=True) from wrong
        except ValueError as unreadable:
            raise invalid("", "The body is not JSON.") from unreadable
        taken = await doors.intake().take(request)
        if taken is Taken.REUSED:
            detail = "This request_id belongs to another message. Give each e-mail a request_id of its own."
            raise HttpProblem(409, "request_id_reused", detail, field="request_id")
        response.status_code = 201 if taken is Taken.STORED else 200
        response.headers["Location"] = f"/v1/messages/{quote(request.request_id, safe='')}"
        return MessageWhole(**message_whole(await _known(doors, caller, request.request_id)))

    @router.post("/messages/{request_id}/cancel", tags=["messages"])
    async def cancel_message(caller: _Writer, request_id: PathId) -> MessageWhole:
        """Cancelled where nothing has left yet; else the state tells what it was too late for."""
        try:
            await doors.cancelling().cancel(caller.team_id, request_id, caller.key_id)
        except Unheard:
            raise _unheard() from None
        return MessageWhole(**message_whole(await _known(doors, caller, request_id)))

    @router.post(
        "/messages/{request_id}/resolve",
        tags=["messages"],
        responses=refusals({409: {"not_unconfirmed": "It is not unconfirmed (any more): `state` says what it is"}}),
    )
    async def resolve_message(caller: _Writer, request_id: PathId, resolution: Resolution) -> MessageWhole:
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
    @router.get("/sending/mailboxes", tags=["sending"])
    async def list_sending_mailboxes(
        caller: _Reader, cursor: Cursor = None, limit: Limit = 50
    ) -> Page[SendingMailboxView]:
        """How sending from each of the team's mailboxes goes, and why nothing leaves where that is so."""
        found = await doors.mailboxes.of_team(caller.team_id, after(cursor), limit + 1)
        following = encode_cursor({"after": found[limit - 1].account}) if len(found) > limit else None
        return Page(items=[mailbox_view(each, datetime.now(UTC)) for each in found[:limit]], next=following)

    @router.get("/sending/mailboxes/{account_id}", tags=["sending"])
    async def read_sending_mailbox(caller: _Reader, account_id: PathId) -> SendingMailboxView:
        """The same of one mailbox."""
        found = await doors.mailboxes.find(account_id)
        if found is None or found.team != caller.team_id:
            raise not_found("No mailbox of your team has this account_id.")
        return mailbox_view(found, datetime.now(UTC))

    @router.get("/sending/settings", tags=["sending"])
    async def read_sending_settings(caller: _Reader) -> SendingSettings:
        """What the team has decided once for all."""
        policy: Any = await doors.teams.unconfirmed_policy(caller.team_id)
        return SendingSettings(unconfirmed=policy)

    @router.put("/sending/settings", tags=["sending"])
    async def change_sending_settings(caller: _Writer, wanted: SendingSettings) -> SendingSettings:
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


async def _known(doors: Doors, caller: Caller, request_id: PathId) -> dict[str, Any]:
    found = await doors.messages.one(caller.team_id, request_id)
    if found is None:
        raise _unheard()
    return found


def _unheard() -> HttpProblem:
    return not_found("No message of your team has this request_id.")
