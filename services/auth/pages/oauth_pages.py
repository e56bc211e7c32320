"""Where Google and Microsoft send people back to: what came of it, as a page or as the way on."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.auth.domain.links import Purpose
from services.auth.domain.oauth_app import CLIENT_OF, read_provider
from services.auth.domain.refusals import Refused
from services.auth.pages import words
from services.auth.pages.entering import see_other
from services.auth.pages.parts import Parts, ground
from services.auth.pages.routing import status_of


def add_oauth_pages(router: APIRouter, parts: Parts) -> None:
    @router.get("/oauth/microsoft/admin-consent/callback")
    async def consented(request: Request) -> Response:
        """Twice in one consent: from Microsoft's consent page, and from the sign-in that proves it."""
        visit = await parts.visits.of(request, Purpose.SETTINGS)
        try:
            state = await parts.consents.finish(visit.visitor, dict(request.query_params))
        except Refused as refused:
            return parts.rendering.page(
                "returned.html", status_of(refused), **ground(visit), refused=refused,
                title="Microsoft 365 was not approved", again="/settings", again_title="Back to the settings",
            )  # fmt: skip
        return see_other(state.next or "/settings?consent=1")

    @router.get("/oauth/{provider}/callback")
    async def signed_in(provider: str, request: Request) -> Response:
        visit = await parts.visits.of(request, Purpose.CONNECT, Purpose.RECONNECT)
        client = words.client(CLIENT_OF[read_provider(provider)])
        try:
            account, _ = await parts.oauth.finish(visit.visitor, provider, dict(request.query_params))
        except Refused as refused:
            account_id = visit.visitor.account_id
            return parts.rendering.page(
                "returned.html",
                status_of(refused),
                **ground(visit),
                refused=refused,
                title=f"{client.title} was not connected",
                again="/connect" if account_id is None else f"/mailboxes/{account_id}",
                again_title="Choose again" if account_id is None else "Back to the mailbox",
            )
        return see_other(f"/mailboxes/{account.account_id}?connected=1")
