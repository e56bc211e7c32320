"""Links over the API: the product asks for one, and sends its person there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.domain.links import LONGEST_LIFE, LONGEST_PERSON, LONGEST_RETURN, Purpose, Role
from services.auth.links import Links
from services.runtime.http import Caller, api_key
from services.runtime.parameters import Whole
from services.runtime.problem_codes import UNFIT, refusals

_Writer = Annotated[Caller, Depends(api_key("links:write"))]


_REFUSALS = refusals(
    {
        404: {"not_found": "No account of your team has this `account_id`"},
        422: {
            UNFIT: "`purpose`, `role`, `account_id` do not fit together, or people cannot be sent back to `return_to`"
        },
    }
)


class LinkIn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Purpose = Field(description="connect: any mailbox; reconnect: the one of `account_id`; settings: admins")
    person: str = Field(
        min_length=1, max_length=LONGEST_PERSON, description="Your own id of the person", examples=["user-4711"]
    )
    role: Role = Field(default=Role.MEMBER, description="Only an admin may have a link to the settings")
    return_to: str = Field(
        max_length=LONGEST_RETURN,
        description="Where the person goes afterwards; `status` and `account_id` are added to its query",
        examples=["https://app.example.com/mailboxes"],
    )
    account_id: str | None = Field(default=None, max_length=64, description="For reconnect alone", examples=[None])
    life_seconds: Whole = Field(
        default=600,
        ge=1,
        le=int(LONGEST_LIFE.total_seconds()),
        description="How long it may be followed",
        examples=[600],
    )


class LinkOut(BaseModel):
    url: str = Field(
        description="Lead the person's browser here, at once: it works once",
        examples=["https://mail.example.com/connect?link=eyJ2IjoxfQ.c2ln"],
    )
    expires_at: datetime


def routes(links: Links) -> APIRouter:
    router = APIRouter(prefix="/v1/links", tags=["links"])

    @router.post("", status_code=201, responses=_REFUSALS)
    async def create_link(body: LinkIn, caller: _Writer, request: Request) -> LinkOut:
        """A short-lived signed link for one purpose and one person. Make it when the person clicks, not before."""
        who = Who(caller.team_id, Actor.key(caller.key_id), request.scope.get("request_id"))
        url, link = await links.make(
            who,
            body.purpose,
            body.person,
            body.role,
            body.return_to,
            timedelta(seconds=body.life_seconds),
            body.account_id,
        )
        return LinkOut(url=url, expires_at=link.expires_at)

    return router
