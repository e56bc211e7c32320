"""The set-up of the External client, for a team's admins: a key, the way of handing over, a test message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from services.auth.domain import audit
from services.auth.domain.addresses import read_address
from services.auth.domain.api_key import works
from services.auth.domain.audit import Action
from services.auth.domain.links import Purpose
from services.auth.domain.refusals import Refused
from services.auth.pages import words
from services.auth.pages.entering import see_other
from services.auth.pages.parts import Parts, ground
from services.auth.pages.routing import status_of
from services.auth.pages.visits import Visit

SCOPE = "external:work"
_OVERLAP = timedelta(days=1)
_MOST_KEYS = 20


def add_external_setup_pages(router: APIRouter, parts: Parts) -> None:
    @router.get("/settings/external")
    async def external_setup(request: Request) -> Response:
        visit = await parts.visits.of(request, Purpose.SETTINGS)
        return await _page(parts, visit)

    @router.post("/settings/external/keys")
    async def create_key(request: Request) -> Response:
        """The key is on the page that answers this, and nowhere else, ever."""
        visit, form = await parts.visits.posted(request, Purpose.SETTINGS)
        try:
            _, key = await parts.keys.create(visit.who, form.text("name"), (SCOPE,), within=None)
        except Refused as refused:
            return await _page(parts, visit, refused, about="keys")
        return await _page(parts, visit, new_key=key)

    @router.post("/settings/external/keys/{key_id}/rotate")
    async def rotate_key(request: Request, key_id: str) -> Response:
        """Its successor is shown as a new key is; the old one goes on working for a day. Keys that may do more than
        this page gives are the API's: nobody is shown more here than he may make."""
        visit, _ = await parts.visits.posted(request, Purpose.SETTINGS)
        try:
            _, _, key = await parts.keys.rotate(visit.who, key_id, _OVERLAP, within=(SCOPE,))
        except Refused as refused:
            return await _page(parts, visit, refused, about="keys")
        return await _page(parts, visit, new_key=key)

    @router.post("/settings/external/delivery")
    async def choose_delivery(request: Request) -> Response:
        visit, form = await parts.visits.posted(request, Purpose.SETTINGS)
        delivery, visitor = form.text("delivery"), visit.visitor
        try:
            await parts.external.choose(visitor.team_id, delivery[:32], f"person:{visitor.person}"[:200])
        except Refused as refused:
            return await _page(parts, visit, refused, about="delivery")
        await _note(parts, visit, Action.EXTERNAL_DELIVERY_CHOSEN, {"to": delivery})
        return see_other("/settings/external#delivery")

    @router.post("/settings/external/test")
    async def start_test(request: Request) -> Response:
        visit, form = await parts.visits.posted(request, Purpose.SETTINGS)
        try:
            sender, recipient = (read_address(form.text(name), name) for name in ("sender", "recipient"))
            await parts.external.prove(visit.visitor.team_id, sender, recipient)
        except Refused as refused:
            return await _page(parts, visit, refused, about="test", typed=form.shown_again())
        await _note(parts, visit, Action.EXTERNAL_TEST_STARTED, {})
        return see_other("/settings/external#test")


async def _page(
    parts: Parts,
    visit: Visit,
    refused: Refused | None = None,
    *,
    about: str = "",
    new_key: str = "",
    typed: Mapping[str, str] | None = None,
) -> Response:
    team, now = visit.visitor.team_id, parts.now()
    state = await parts.external.state(team)
    keys = [key for key in await parts.api_keys.with_scope(team, SCOPE, _MOST_KEYS) if works(key, now)]
    return parts.rendering.page(
        "external_setup.html",
        200 if refused is None else status_of(refused),
        **ground(visit),
        state=state,
        keys=keys,
        refused=refused,
        about=about,
        new_key=new_key,
        deliveries=words.DELIVERIES,
        scope=SCOPE,
        typed=typed or {},
        looked=int(now.timestamp() * 1000),  # or a browser that is at `#test` stays there and asks for nothing
    )


async def _note(parts: Parts, visit: Visit, action: Action, details: Mapping[str, str]) -> None:
    team = visit.visitor.team_id
    await parts.audit.note(audit.record(team, visit.who.actor, action, "external", parts.now(), details))
