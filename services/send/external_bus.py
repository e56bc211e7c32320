"""The External client over the bus: requests on the team's own subjects, bounded by what one bus message holds."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

from pydantic import BaseModel, Field
from replywire_contracts.v1.values import RequestId

from services.runtime.rpc import Serves
from services.runtime.team_requests import serve_teams
from services.send.domain.setup import BUS
from services.send.external_door import ExternalDoor, Room, Who
from services.send.external_views import ExtendedView, ExtendIn, ReleaseItem, ReportsIn, ReportsView, TakeIn, TakenView

_ROOM = Room(one=128 * 1024, all=384 * 1024)
_MOST = 20
_MOST_OCTETS = 900 * 1024
"""A bus message holds 1 MiB."""
_PIECE = 512 * 1024


class ExtendOneIn(ExtendIn):
    request_id: RequestId


class OctetsIn(BaseModel):
    request_id: RequestId
    offset: int = Field(default=0, ge=0)


class OctetsView(BaseModel):
    content: str = Field(description="Base64; empty past the end")
    size: int = Field(description="Of the whole message")


class ExternalBus:
    """`door` exists once the bus is there."""

    def __init__(self, door: Callable[[], ExternalDoor]) -> None:
        self._door = door

    async def take(self, team: str, asked: TakeIn) -> TakenView:
        few = asked.model_copy(update={"max": min(asked.max, _MOST)})
        taken = await self._door().take(_who(team), few, BUS, _ROOM, asyncio.Event())
        while len(taken.model_dump_json()) > _MOST_OCTETS and taken.messages:
            await self._put_back(team, taken)
        return taken

    def untake(self, team: str, answer: bytes) -> None:
        """Whoever waited is not there any more: the messages need not wait for the end of his lease."""
        taken = TakenView.model_validate_json(answer)
        if taken.messages:
            self._door().taking.put_back(team, taken.lease)

    async def extend(self, team: str, asked: ExtendOneIn) -> ExtendedView:
        kept = ExtendIn(lease=asked.lease, lease_seconds=asked.lease_seconds)
        return await self._door().extend(_who(team), asked.request_id, kept)

    async def reports(self, team: str, asked: ReportsIn) -> ReportsView:
        return await self._door().reports(_who(team), asked)

    async def octets(self, team: str, asked: OctetsIn) -> OctetsView:
        whole = await self._door().octets(_who(team), asked.request_id)
        piece = whole[asked.offset : asked.offset + _PIECE]
        return OctetsView(content=base64.b64encode(piece).decode(), size=len(whole))

    async def _put_back(self, team: str, taken: TakenView) -> None:
        """What would make the answer too large leaves it: first the octets, which can be asked for, then a message."""
        largest = max(taken.messages, key=lambda one: len(one.mime or ""))
        if largest.mime is not None:
            largest.mime = None
            return
        last = taken.messages.pop()
        given_back = ReleaseItem(request_id=last.request_id, outcome="released", lease=taken.lease)
        await self._door().reports(_who(team), ReportsIn(reports=(given_back,)))


def serve_external(app: Serves, bus: ExternalBus, waiting: int) -> None:
    """`waiting`: long polls at once."""
    serve_teams(app, "take", TakeIn, bus.take, at_once=waiting, unheard=bus.untake)
    serve_teams(app, "extend", ExtendOneIn, bus.extend)
    serve_teams(app, "reports", ReportsIn, bus.reports)
    serve_teams(app, "octets", OctetsIn, bus.octets)


def _who(team: str) -> Who:
    return Who(team, "bus")
