"""The mailboxes API: how the reading of a team's mailboxes goes, and to have one read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from services.inbox_sync.domain.mailboxes import Mailbox, Resync, State, explained, shown_state
from services.inbox_sync.ports import Clock, Mailboxes
from services.runtime.http import Caller, HttpProblem, Page, api_key, decode_cursor, encode_cursor

_LONGEST_RESYNC = timedelta(days=90)
_Reader = Annotated[Caller, Depends(api_key("mailboxes:read"))]
_Writer = Annotated[Caller, Depends(api_key("mailboxes:write"))]


class TroubleView(BaseModel):
    """Why the mailbox cannot be read."""

    since: datetime
    reason: str
    code: str
    words: str
    remedy: str


class ProgressView(BaseModel):
    """Of the first sync, or of the last one asked for."""

    since: datetime = Field(description="How far back it reads")
    done: int = Field(description="Messages judged by their headers")
    remaining: int | None
    complete: bool


class MailboxView(BaseModel):
    account_id: str
    client: str
    address: str
    state: State
    explanation: str = Field(description="The state in plain words")
    synced_to: datetime | None = Field(description="Everything that had arrived by then is judged")
    trouble: TroubleView | None
    progress: ProgressView | None
    holder: str | None = Field(description="The replica that reads it")


class ResyncIn(BaseModel):
    since: AwareDatetime | None = Field(default=None, description="Read again from then on; two days ago where absent")


class ResyncOut(BaseModel):
    resync_id: str
    since: datetime


def routes(mailboxes: Callable[[], Mailboxes], nudge: Callable[[], Callable[[], None]], now: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/mailboxes", tags=["mailboxes"])

    @router.get("")
    async def list_mailboxes(
        caller: _Reader,
        cursor: Annotated[str | None, Query(max_length=512)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Page[MailboxView]:
        after = str(decode_cursor(cursor).get("after", "")) if cursor else None
        found = await mailboxes().page(caller.team_id, after, limit + 1)
        last = encode_cursor({"after": found[limit - 1].account.account_id}) if len(found) > limit else None
        return Page(items=[_view(mailbox) for mailbox in found[:limit]], next=last)

    @router.get("/{account_id}")
    async def read_mailbox(caller: _Reader, account_id: str) -> MailboxView:
        found = await mailboxes().of_team(caller.team_id, account_id)
        if found is None:
            raise HttpProblem(404, "not_found", "No mailbox of your team has this id.")
        return _view(found)

    @router.post("/{account_id}/resync", status_code=202)
    async def resync_mailbox(caller: _Writer, account_id: str, body: ResyncIn | None = None) -> ResyncOut:
        """Judge the headers of everything since then again. What was announced before is not announced twice."""
        at = now()
        since = (body.since if body is not None else None) or at - timedelta(days=2)
        if not at - _LONGEST_RESYNC <= since <= at:
            raise HttpProblem(422, "invalid_request", "since: give a time within the last 90 days")
        resync = Resync(key=uuid4().hex, since=since)
        if not await mailboxes().ask_again(caller.team_id, account_id, resync):
            raise HttpProblem(404, "not_found", "No connected mailbox of your team has this id.")
        nudge()()
        return ResyncOut(resync_id=resync.key, since=since)

    return router


def _view(mailbox: Mailbox) -> MailboxView:
    state, trouble, progress = shown_state(mailbox), mailbox.trouble, mailbox.progress
    return MailboxView(
        account_id=mailbox.account.account_id,
        client=mailbox.account.client,
        address=mailbox.account.address,
        state=state,
        explanation=explained(state),
        synced_to=mailbox.synced_to,
        trouble=None
        if trouble is None
        else TroubleView(
            since=trouble.since, **trouble.failure.model_dump(include={"reason", "code", "words", "remedy"})
        ),
        progress=None
        if progress is None
        else ProgressView(
            since=progress.since, done=progress.done, remaining=progress.remaining, complete=progress.complete
        ),
        holder=mailbox.holder,
    )
