"""The connect page: which e-mail clients the team offers, and each one's own way in."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.auth.domain.connect_request import ConnectRequest
from services.auth.domain.consent import ConsentStatus
from services.auth.domain.links import Purpose
from services.auth.domain.oauth_app import PROVIDER_OF
from services.auth.domain.refusals import Refused
from services.auth.domain.visitor import Visitor
from services.auth.pages import mail_form, words
from services.auth.pages.entering import LinkText, enter, see_other
from services.auth.pages.mail_form import Wrong
from services.auth.pages.parts import Parts, ground
from services.auth.pages.routing import status_of
from services.auth.pages.visits import PageRefused, Visit

_MICROSOFT = "microsoft365"
_EXTERNAL = "external"


def add_connect_pages(router: APIRouter, parts: Parts) -> None:
    _add_choice(router, parts)
    _add_external(router, parts)

    # Last: the addresses above, and those of `mail_pages` and `ews_pages`, are of clients too.
    @router.post("/connect/{client}")
    async def sign_in(client: str, request: Request) -> Response:
        """To the provider's own page, where the person signs in."""
        visit, _ = await parts.visits.posted(request, Purpose.CONNECT)
        await require_offered(parts, visit.visitor, client)
        if await consent_is_missing(parts, visit.visitor, client):
            return see_other("/connect/microsoft365/consent")
        return leaving(parts, visit, await parts.oauth.begin(visit.visitor, client), client)


def _add_choice(router: APIRouter, parts: Parts) -> None:
    @router.get("/connect")
    async def choose(request: Request, link: LinkText = None) -> Response:
        if link is not None:
            return await enter(parts, request, link, Purpose.CONNECT)
        visit = await parts.visits.of(request, Purpose.CONNECT)
        visitor = visit.visitor
        return parts.rendering.page(
            "connect.html",
            **ground(visit),
            clients=await offered(parts, visitor),
            oauth=frozenset(PROVIDER_OF),
            consent_missing=await consent_is_missing(parts, visitor, _MICROSOFT),
            accounts=await parts.own_accounts(visitor),
        )

    @router.get("/connect/microsoft365/consent")
    async def consent_needed(request: Request) -> Response:
        """What to ask the admin for, with the link that they need."""
        visit = await parts.visits.of(request, Purpose.CONNECT, Purpose.RECONNECT)
        return await consent_page(parts, visit)


def _add_external(router: APIRouter, parts: Parts) -> None:
    def page(
        visit: Visit, address: str = "", name: str = "", wrong: Wrong | None = None, status: int = 200
    ) -> Response:
        return parts.rendering.page(
            "external.html", status, **ground(visit), address=address, display_name=name, wrong=wrong
        )

    @router.get("/connect/external")
    async def external(request: Request) -> Response:
        visit = await parts.visits.of(request, Purpose.CONNECT)
        await require_offered(parts, visit.visitor, _EXTERNAL)
        return page(visit)

    @router.post("/connect/external")
    async def add_external(request: Request) -> Response:
        visit, form = await parts.visits.posted(request, Purpose.CONNECT)
        address, name = form.text("address"), form.text("display_name")
        try:
            asked = ConnectRequest(_EXTERNAL, address, name, {}, {})
            account, _ = await parts.connecting.connect(visit.who, asked)
        except Refused as refused:
            return page(visit, address, name, mail_form.wrong(refused, form), status_of(refused))
        return see_other(f"/mailboxes/{account.account_id}?connected=1")


def leaving(parts: Parts, visit: Visit, address: str, client: str) -> Response:
    """A page of its own that leads on: browsers hold a form to `form-action` through every redirect after it."""
    return parts.rendering.page(
        "leaving.html",
        headers={"Refresh": f"0; url={address}"},
        **ground(visit),
        address=address,
        provider=words.client(client).action.removeprefix("Continue with "),
    )


async def offered(parts: Parts, visitor: Visitor) -> list[str]:
    """What the team offers and this deployment can connect."""
    return [client for client in await parts.team_settings.of(visitor.team_id) if parts.connects(client)]


async def require_offered(parts: Parts, visitor: Visitor, client: str) -> None:
    """Raises `PageRefused`."""
    if client not in await offered(parts, visitor):
        raise PageRefused(
            HTTPStatus.NOT_FOUND,
            "This is not offered",
            f"Your team does not offer {words.client(client).title} at present.",
            "Choose another e-mail client, or ask your team's admin.",
        )


async def consent_is_missing(parts: Parts, visitor: Visitor, client: str) -> bool:
    if client != _MICROSOFT:
        return False
    settings = await parts.team_settings.store.of(visitor.team_id)
    if not settings.microsoft_consent_required:
        return False
    return (await parts.consents.state(visitor.team_id)).status is not ConsentStatus.GRANTED


async def consent_page(parts: Parts, visit: Visit) -> Response:
    state = await parts.consents.state(visit.visitor.team_id)
    link = await parts.consents.help_link(visit.visitor.team_id)
    return parts.rendering.page("consent.html", **ground(visit), state=state, link=link)
