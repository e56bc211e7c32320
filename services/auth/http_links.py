"""Links over the API: the product asks for one, and sends its person there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.domain.links import Purpose, Role
from services.auth.links import Links
from services.runtime.http import Caller, api_key

_Writer = Annotated[Caller, Depends(api_key("links:write"))]


class LinkIn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Purpose = Field(description="connect: any mailbox; reconnect: the one of `account_id`; settings: admins")
    person: str = Field(max_length=1000, description="Your own id of the person", examples=["user-4711"])
    role: Role = Field(default=Role.MEMBER, description="Only an admin may have a link to the settings")
    return_to: str = Field(
        max_length=2000,
        description="Where the person goes afterwards; `status` and `account_id` are added to its query",
        examples=["https://app.example.com/mailboxes"],
    )
    account_id: str | None = Field(default=None, max_length=64, description="For reconnect alone", examples=[None])
    life_seconds: StrictInt = Field(default=600, description="How long it may be followed: 1 to 3600", examples=[600])

    @property
    def life(self) -> timedelta:
        # Bounded here only so far that it fits a timedelta; the domain says what is too long.
        return timedelta(seconds=max(-1, min(self.life_seconds, 10**9)))


class LinkOut(BaseModel):
    url: str = Field(
        description="Lead the person's browser here, at once: it works once",
        examples=["https://mail.example.com/connect?link=eyJ2IjoxfQ.c2ln"],
    )
    expires_at: datetime


def routes(links: Links) -> APIRouter:
    router = APIRouter(prefix="/v1/links", tags=["links"])

    @router.post("", status_code=201)
    async def create_link(body: LinkIn, caller: _Writer, request: Request) -> LinkOut:
        """A short-lived signed link for one purpose and one person. Make it when the person clicks, not before."""
        who = Who(caller.team_id, Actor.key(caller.key_id), request.scope.get("request_id"))
        url, link = await links.make(
            who, body.purpose, body.person, body.role, body.return_to, body.life, body.account_id
        )
        return LinkOut(url=url, expires_at=link.expires_at)

    return router
