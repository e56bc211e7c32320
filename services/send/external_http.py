"""The External client over HTTP: the queue that the customer's code takes from and reports to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from services.runtime.http import Caller, Cursor, Limit, Page, PathId, api_key, encode_cursor
from services.runtime.paging import after_time
from services.runtime.problem_codes import refusals
from services.send.domain.setup import HTTP, SCOPE
from services.send.domain.state import State
from services.send.external_door import ExternalDoor, Room, Who
from services.send.external_views import (
    ExtendedView,
    ExtendIn,
    FailedIn,
    OpenView,
    ReleaseIn,
    ReportsIn,
    ReportsView,
    ReportView,
    SentIn,
    TakeIn,
    TakenView,
    open_view,
)

_Worker = Annotated[Caller, Depends(api_key(SCOPE))]
_ROOM = Room(one=2 * 2**20, all=16 * 2**20)
_AWAY = {503: {"contended": "Others keep reporting this message"}}
_CONFLICT = {
    404: {"not_found": "No such message of your team was given out"},
    409: {
        "lease_passed_on": "The lease has passed on",
        "unknown_lease": "The lease is none of the message's",
        "already_closed": "The message has ended otherwise",
    },
}


def routes(door: Callable[[], ExternalDoor]) -> APIRouter:
    """`door` exists once the bus is there."""
    router = APIRouter(prefix="/v1/external/messages", tags=["external"])
    _taking(router, door)
    _reporting(router, door)
    return router


def _taking(router: APIRouter, door: Callable[[], ExternalDoor]) -> None:
    @router.post(
        "/take",
        responses=refusals(
            {
                409: {"other_delivery": "Another way of handing over is chosen, or none"},
                429: {"too_many_waiting": "Too many of your team wait for messages already"},
                503: {"too_many_waiting": "Too many wait for messages already"},
            }
        ),
    )
    async def take_external_messages(caller: _Worker, asked: TakeIn, request: Request) -> TakenView:
        """Take what waits for your code, under one lease. Send each message's very octets, then report it; what is
        not reported when the lease ends is offered again, as it is and under the same Message-ID."""
        async with _told_when_gone(request) as gone:
            return await door().take(_who(caller), asked, HTTP, _ROOM, gone)

    @router.get("")
    async def list_external_messages(
        caller: _Worker,
        status: Annotated[
            Literal["waiting", "handed_out", "overdue"] | None, Query(description="`overdue`: the lease is over")
        ] = None,
        account_id: Annotated[str | None, Query(max_length=64)] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[OpenView]:
        """What is not reported yet, the longest waiting first. Messages that nobody reported at all rest in the state
        `unconfirmed`: `GET /v1/messages?state=unconfirmed`."""
        now = datetime.now(UTC)
        conditions = _conditions(status, now) | ({} if account_id is None else {"account": account_id})
        found = await door().offers.page(caller.team_id, conditions, after_time(cursor), limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        following = None
        if last is not None and last.offer is not None and last.offer.at is not None:
            following = encode_cursor({"at": last.offer.at.isoformat(), "id": last.id})
        return Page(items=[open_view(each, now) for each in found[:limit]], next=following)

    @router.get(
        "/{request_id}/raw",
        response_class=Response,
        responses={
            200: {"description": "RFC 5322", "content": {"message/rfc822": {"schema": {"type": "string"}}}},
            **refusals({404: {"octets_gone": "The octets of this message are gone: report it as failed"}}),
        },
    )
    async def read_external_raw(caller: _Worker, request_id: PathId) -> Response:
        """The message's octets, for those too large to be in the answer that it was taken by."""
        return Response(await door().octets(_who(caller), request_id), media_type="message/rfc822")

    @router.post("/{request_id}/extend", responses=refusals(_CONFLICT))
    async def extend_external_lease(caller: _Worker, request_id: PathId, asked: ExtendIn) -> ExtendedView:
        """Keep it for longer."""
        return await door().extend(_who(caller), request_id, asked)


def _reporting(router: APIRouter, door: Callable[[], ExternalDoor]) -> None:
    @router.post("/reports", responses=refusals(_AWAY))
    async def report_external_messages(caller: _Worker, asked: ReportsIn) -> ReportsView:
        """Many reports at once, each answered as if it had come alone: `status` is that answer's."""
        return await door().reports(_who(caller), asked)

    @router.post("/{request_id}/sent", responses=refusals(_CONFLICT | _AWAY))
    async def report_external_sent(caller: _Worker, request_id: PathId, asked: SentIn) -> ReportView:
        """It left. Taken however late it is told and however often, also from a lease that has passed on: then it is
        taken back from the queue, and `heard` is `late`."""
        return await door().report(_who(caller), request_id, asked)

    @router.post("/{request_id}/failed", responses=refusals(_CONFLICT | _AWAY))
    async def report_external_failed(caller: _Worker, request_id: PathId, asked: FailedIn) -> ReportView:
        """It did not leave and will not. Where an earlier taker was never heard, it becomes `unconfirmed` instead: he
        may have sent it."""
        return await door().report(_who(caller), request_id, asked)

    @router.post("/{request_id}/release", responses=refusals(_CONFLICT | _AWAY))
    async def release_external_message(caller: _Worker, request_id: PathId, asked: ReleaseIn) -> ReportView:
        """It did not leave: give it back, for another try now or later."""
        return await door().report(_who(caller), request_id, asked)


@asynccontextmanager
async def _told_when_gone(request: Request) -> AsyncIterator[asyncio.Event]:
    """Who waits may hang up or die: what is taken for him then would lie idle until the lease ends."""
    gone = asyncio.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        watching.cancel()


def _conditions(status: str | None, now: datetime) -> dict[str, Any]:
    match status:
        case "waiting":
            return {"state": {"$in": [State.QUEUED.value, State.DEFERRED.value]}}
        case "handed_out":
            return {"state": State.HANDED_OUT.value}
        case "overdue":
            return {"state": State.HANDED_OUT.value, "offer.at": {"$lte": now}}
        case _:
            return {}


def _who(caller: Caller) -> Who:
    return Who(caller.team_id, caller.key_id)
