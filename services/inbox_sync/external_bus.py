"""The External client's way in over the bus: the same questions as over HTTP, within what one bus message holds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from services.inbox_sync.engine.reported import Reported
from services.inbox_sync.external_http import (
    Accounts,
    HeadersIn,
    RawView,
    VerdictsView,
    judged_headers,
    judged_raw,
)
from services.runtime.parameters import Instant
from services.runtime.problems import invalid
from services.runtime.rpc import Serves
from services.runtime.team_requests import serve_teams


class RawIn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    account_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    content: str = Field(min_length=1, description="The message, RFC 5322, in base64")
    cut: bool = Field(default=False, description="Only its start fits a bus message")
    received_at: Instant | None = None
    thread_id: str | None = Field(default=None, min_length=1, max_length=512)


def serve_external(app: Serves, reported: Callable[[], Reported], accounts: Callable[[], Accounts]) -> None:
    """Both exist once the bus is there."""

    async def headers(team: str, asked: HeadersIn) -> VerdictsView:
        return await judged_headers(reported(), accounts(), team, asked)

    async def raw(team: str, asked: RawIn) -> RawView:
        try:
            content = base64.b64decode(asked.content, validate=True)
        except (ValueError, binascii.Error):
            raise invalid("content", "This is not base64.", "Encode the message's octets.") from None
        account = await accounts().of(team, asked.account_id)
        return await judged_raw(reported(), account, content, asked.received_at, asked.thread_id, cut=asked.cut)

    serve_teams(app, "headers", HeadersIn, headers)
    serve_teams(app, "raw", RawIn, raw)
