"""The doors: a link is followed, spent, and gives way to a visit at an address that holds no secret."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.auth.domain.links import Purpose
from services.auth.links import PAGE_OF
from services.auth.pages.parts import Parts
from services.auth.pages.visits import PageRefused

LinkText = Annotated[str | None, Query(alias="link", max_length=8192)]


def see_other(address: str) -> RedirectResponse:
    """The browser asks for it by GET."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


async def enter(parts: Parts, request: Request, text: str, purpose: Purpose) -> Response:
    """Raises `LinkRefused`."""
    if "prefetch" in request.headers.get("sec-purpose", ""):
        # A browser that looks ahead must not spend what its person has not clicked yet.
        raise PageRefused(HTTPStatus.SERVICE_UNAVAILABLE, "Not yet", "This link opens when it is clicked.", "Click it.")
    cookie, session = await parts.links.follow(text, purpose)
    account_id = session.visitor.account_id
    answer = see_other(PAGE_OF[purpose] if account_id is None else f"/mailboxes/{account_id}")
    parts.visits.open(answer, cookie)
    return answer


def add_assets(router: APIRouter, parts: Parts) -> None:
    @router.get("/connect/assets/{name}")
    async def asset(name: str) -> Response:
        found = parts.rendering.assets.get(name)
        if found is None:
            raise PageRefused(HTTPStatus.NOT_FOUND, "Nothing here", "There is nothing at this address.", "Go back.")
        return Response(
            found.content,
            media_type=found.media_type,
            headers={**parts.rendering.headers, "Cache-Control": "public, max-age=31536000, immutable"},
        )
