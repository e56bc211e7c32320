"""Accounts of the External client over HTTP: an address that the customer's own code sends for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.auth import http_problems
from services.auth.connecting import Connecting, Who
from services.auth.domain.audit import Actor
from services.auth.domain.connect_request import ConnectRequest
from services.auth.http_shapes import AccountOut
from services.runtime.http import Caller, api_key

CLIENT = "external"
_Writer = Annotated[Caller, Depends(api_key("accounts:write"))]


class ExternalAccountIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"address": "ada@example.com"}]}
    )

    address: str = Field(max_length=320, description="Whom the messages are from", examples=["ada@example.com"])
    display_name: str = Field(default="", max_length=1000, examples=["Ada Lovelace"])


def routes(connecting: Connecting) -> APIRouter:
    router = APIRouter(prefix="/v1/external", tags=["external"])

    @router.post(
        "/accounts",
        status_code=201,
        responses={
            200: {"description": "The team had this address before: it has the same id", "model": AccountOut},
            **http_problems.UNPROVED,
        },
    )
    async def create_external_account(
        body: ExternalAccountIn, caller: _Writer, request: Request, response: Response
    ) -> AccountOut:
        """No inbox is connected and no secret is kept: 201, or 200 where the team had this address before."""
        asked = ConnectRequest(CLIENT, body.address, body.display_name, {}, {})
        who = Who(caller.team_id, Actor.key(caller.key_id), request.scope.get("request_id"))
        account, new = await connecting.connect(who, asked)
        response.status_code = 201 if new else 200
        response.headers["Location"] = f"/v1/accounts/{account.account_id}"
        return AccountOut.of(account)

    return router
