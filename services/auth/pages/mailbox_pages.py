"""A person's mailboxes: how each is, live, and the ways to reconnect or disconnect it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.auth.domain.account import State
from services.auth.domain.links import Purpose
from services.auth.domain.oauth_app import PROVIDER_OF
from services.auth.domain.returning import returned
from services.auth.pages import ews_form, live, mail_form
from services.auth.pages.connect_pages import consent_is_missing, leaving
from services.auth.pages.entering import LinkText, enter, see_other
from services.auth.pages.ews_pages import ews_page, reconnect_exchange
from services.auth.pages.mail_pages import mail_page, reconnect_mail_servers
from services.auth.pages.parts import Parts, ground
from services.auth.pages.visits import PageRefused

_PERSONS = (Purpose.CONNECT, Purpose.RECONNECT)


def add_mailbox_pages(router: APIRouter, parts: Parts) -> None:
    _add_views(router, parts)
    _add_reconnect(router, parts)

    @router.get("/mailboxes/{account_id}/disconnect")
    async def ask_disconnect(account_id: str, request: Request) -> Response:
        visit = await parts.visits.of(request, *_PERSONS)
        account = await parts.account(visit.visitor, account_id)
        return parts.rendering.page("disconnect.html", **ground(visit), account=account)

    @router.post("/mailboxes/{account_id}/disconnect")
    async def disconnect(account_id: str, request: Request) -> Response:
        visit, _ = await parts.visits.posted(request, *_PERSONS)
        account = await parts.account(visit.visitor, account_id)
        await parts.connecting.disconnect(visit.who, account.account_id)
        return see_other(f"/mailboxes/{account.account_id}")


def _add_views(router: APIRouter, parts: Parts) -> None:
    @router.get("/mailboxes")
    async def mailboxes(request: Request, link: LinkText = None) -> Response:
        if link is not None:
            return await enter(parts, request, link, Purpose.RECONNECT)
        visit = await parts.visits.of(request, *_PERSONS)
        if visit.visitor.account_id is not None:
            return see_other(f"/mailboxes/{visit.visitor.account_id}")
        accounts = await parts.own_accounts(visit.visitor)
        return parts.rendering.page("mailboxes.html", **ground(visit), accounts=accounts)

    @router.get("/mailboxes/{account_id}")
    async def mailbox(account_id: str, request: Request, connected: str = "") -> Response:
        visit = await parts.visits.of(request, *_PERSONS)
        account = await parts.account(visit.visitor, account_id)
        health = await parts.health(account)
        status = "disconnected" if account.state is State.DISCONNECTED else "connected"
        told = status if account.state is not State.NEEDS_REAUTH else ""
        return parts.rendering.page(
            "mailbox.html",
            **{**ground(visit), "back": returned(visit.visitor.return_to, told, account.account_id)},
            account=account,
            health=health,
            just_connected=bool(connected) and account.state is State.CONNECTED,
        )

    @router.get("/mailboxes/{account_id}/events")
    async def mailbox_events(account_id: str, request: Request) -> Response:
        """Server-sent events (WHATWG HTML): the state whenever it changes."""
        visit = await parts.visits.of(request, *_PERSONS)
        account = await parts.account(visit.visitor, account_id)
        if not live.room(visit.visitor):
            raise PageRefused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many watch", "Load the page again to see more.", "")
        return live.stream(parts, visit.visitor, account.account_id)


def _add_reconnect(router: APIRouter, parts: Parts) -> None:
    @router.get("/mailboxes/{account_id}/reconnect")
    async def reconnect_form(account_id: str, request: Request) -> Response:
        """For a mailbox whose password is typed in."""
        visit = await parts.visits.of(request, *_PERSONS)
        account = await parts.account(visit.visitor, account_id)
        if account.client == ews_form.CLIENT:
            return ews_page(parts, visit, ews_form.of_account(account), account_id=account_id)
        if account.client != mail_form.CLIENT:
            return see_other(f"/mailboxes/{account_id}")
        return mail_page(parts, visit, mail_form.of_account(account), account_id=account_id)

    @router.post("/mailboxes/{account_id}/reconnect")
    async def reconnect(account_id: str, request: Request) -> Response:
        visit, form = await parts.visits.posted(request, *_PERSONS)
        account = await parts.account(visit.visitor, account_id)
        if account.client in PROVIDER_OF:
            if await consent_is_missing(parts, visit.visitor, account.client):
                return see_other("/connect/microsoft365/consent")
            address = await parts.oauth.begin(
                visit.visitor, account.client, account_id=account_id, login_hint=account.address
            )
            return leaving(parts, visit, address, account.client)
        if account.client == ews_form.CLIENT:
            return await reconnect_exchange(parts, visit, account, form)
        return await reconnect_mail_servers(parts, visit, account, form)
