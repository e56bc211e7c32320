"""The mailboxes API: how the reading of a team's mailboxes goes, and to have one read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.inbox_sync.domain.mailboxes import Mailbox, Resync, State, explained, shown_state
from services.inbox_sync.ports import Clock, Mailboxes
from services.runtime.http import (
    Caller,
    Cursor,
    Instant,
    Limit,
    Page,
    PathId,
    after,
    api_key,
    encode_cursor,
    not_found,
    unfit,
)
from services.runtime.problem_codes import UNFIT, refusals

_LONGEST_RESYNC = timedelta(days=90)
_Reader = Annotated[Caller, Depends(api_key("mailboxes:read"))]
_Writer = Annotated[Caller, Depends(api_key("mailboxes:write"))]


class TroubleView(BaseModel):
    """Why the mailbox cannot be read."""

    since: datetime
    reason: str = Field(examples=["unreachable"])
    code: str = Field(examples=["UNAVAILABLE"], description="The provider's own")
    words: str = Field(examples=["Temporary failure, try again later"], description="The provider's own")
    remedy: str = Field(examples=["Nothing needs to be done: it goes on by itself."])


class ProgressView(BaseModel):
    """Of the first sync, or of the last one asked for."""

    since: datetime = Field(description="How far back it reads")
    done: int = Field(examples=[412], description="Messages judged by their headers")
    remaining: int | None = Field(examples=[0])
    complete: bool = Field(examples=[True])


class MailboxView(BaseModel):
    account_id: str
    client: str
    address: str
    state: str = Field(examples=["watching"], description=f"{', '.join(State)}; more may come")
    explanation: str = Field(examples=["Everything is read as it comes."], description="The state in plain words")
    synced_to: datetime | None = Field(description="Everything that had arrived by then is judged")
    trouble: TroubleView | None = Field(examples=[None])
    progress: ProgressView | None
    holder: str | None = Field(examples=["inbox-sync-0"], description="The replica that reads it")


class ResyncIn(BaseModel):
    since: Instant | None = Field(default=None, description="Read again from then on; two days ago where absent")


class ResyncOut(BaseModel):
    resync_id: str = Field(examples=["6f1e5d4c3b2a"])
    since: datetime


def routes(mailboxes: Callable[[], Mailboxes], nudge: Callable[[], Callable[[], None]], now: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1/mailboxes", tags=["mailboxes"])

    @router.get("")
    async def list_mailboxes(caller: _Reader, cursor: Cursor = None, limit: Limit = 50) -> Page[MailboxView]:
        """How reading each of the team's mailboxes goes."""
        found = await mailboxes().page(caller.team_id, after(cursor), limit + 1)
        last = encode_cursor({"after": found[limit - 1].account.account_id}) if len(found) > limit else None
        return Page(items=[_view(mailbox) for mailbox in found[:limit]], next=last)

    @router.get("/{account_id}")
    async def read_mailbox(caller: _Reader, account_id: PathId) -> MailboxView:
        """The same of one mailbox."""
        found = await mailboxes().of_team(caller.team_id, account_id)
        if found is None:
            raise not_found("No mailbox of your team has this account_id.")
        return _view(found)

    @router.post(
        "/{account_id}/resync",
        status_code=202,
        responses=refusals({422: {UNFIT: "`since` is not within the last 90 days"}}),
    )
    async def resync_mailbox(caller: _Writer, account_id: PathId, body: ResyncIn | None = None) -> ResyncOut:
        """Judge the headers of everything since then again. What was announced before is not announced twice."""
        at = now()
        since = (body.since if body is not None else None) or at - timedelta(days=2)
        if not at - _LONGEST_RESYNC <= since <= at:
            raise unfit("since", "That is not within the last 90 days.", "Give a time within the last 90 days.")
        resync = Resync(key=uuid4().hex, since=since)
        if not await mailboxes().ask_again(caller.team_id, account_id, resync):
            raise not_found("No connected mailbox of your team has this account_id.")
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
