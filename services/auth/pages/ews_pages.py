"""Connecting an Exchange server that a company runs itself: a form, tried by the sync engine, which keeps the login."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.auth.domain.account import Account
from services.auth.domain.exchange_server import ExchangeSuggestion
from services.auth.domain.links import Purpose
from services.auth.domain.refusals import Invalid, Refused
from services.auth.pages import ews_form, words
from services.auth.pages.connect_pages import require_offered
from services.auth.pages.entering import see_other
from services.auth.pages.mail_form import Wrong
from services.auth.pages.parts import Parts, ground
from services.auth.pages.routing import status_of
from services.auth.pages.visits import Form, Visit


def add_ews_pages(router: APIRouter, parts: Parts) -> None:
    @router.get("/connect/ews")
    async def exchange(request: Request) -> Response:
        visit = await parts.visits.of(request, Purpose.CONNECT)
        await require_offered(parts, visit.visitor, ews_form.CLIENT)
        return ews_page(parts, visit, ews_form.empty())

    @router.post("/connect/ews")
    async def connect_exchange(request: Request) -> Response:
        """The login is tried both ways; nothing is kept of what does not work."""
        visit, form = await parts.visits.posted(request, Purpose.CONNECT)
        try:
            account, _ = await parts.connecting.connect(visit.who, ews_form.request_of(form))
        except Refused as refused:
            return _again(parts, visit, form, refused)
        return see_other(f"/mailboxes/{account.account_id}?connected=1")

    @router.post("/connect/ews/suggest")
    async def suggest_server(request: Request) -> Response:
        """For the page's script as JSON; without it, the form again with the server filled in."""
        visit, form = await parts.visits.posted(request, Purpose.CONNECT)
        scripted = "application/json" in request.headers.get("accept", "")
        try:
            suggestion = await parts.discovering.suggest_exchange(form.text("address"))
        except Invalid as invalid:
            return (
                JSONResponse({}, headers=parts.rendering.headers) if scripted else _again(parts, visit, form, invalid)
            )
        if scripted:
            told = {"server": suggestion.server if suggestion else "", "said": said(suggestion)}
            if suggestion and suggestion.better:
                told["better"] = words.client(suggestion.better).title
            return JSONResponse(told, headers=parts.rendering.headers)
        values = ews_form.suggested(ews_form.filled(form), suggestion)
        return ews_page(parts, visit, values, suggestion=suggestion, asked=True)


async def reconnect_exchange(parts: Parts, visit: Visit, account: Account, form: Form) -> Response:
    try:
        asked = ews_form.request_of(form, account.address)
        await parts.connecting.reconnect(visit.who, account.account_id, asked)
    except Refused as refused:
        return _again(parts, visit, form, refused, account)
    return see_other(f"/mailboxes/{account.account_id}?connected=1")


def ews_page(
    parts: Parts,
    visit: Visit,
    values: dict[str, str],
    wrong: Wrong | None = None,
    *,
    status: int = HTTPStatus.OK,
    account_id: str | None = None,
    suggestion: ExchangeSuggestion | None = None,
    asked: bool = False,
) -> Response:
    """`account_id`: the one to reconnect. `asked`: somebody asked for a suggestion, which may be None."""
    return parts.rendering.page(
        "ews.html",
        status,
        **ground(visit),
        values=values,
        wrong=wrong,
        account_id=account_id,
        better=suggestion.better if suggestion else "",
        said=said(suggestion) if asked else "",
    )


def said(suggestion: ExchangeSuggestion | None) -> str:
    if suggestion is None:
        return "We know no server of this domain. Whoever runs your Exchange knows its name."
    if suggestion.guessed:
        return f"Mail of this domain goes to {suggestion.server}: Exchange may be there. Change it if you know better."
    return f"Your domain names {suggestion.server}. Change it if you know better."


def _again(parts: Parts, visit: Visit, form: Form, refused: Refused, account: Account | None = None) -> Response:
    values = ews_form.filled(form)
    if account is not None:
        values["address"] = account.address
    return ews_page(
        parts,
        visit,
        values,
        ews_form.wrong(refused),
        status=status_of(refused),
        account_id=None if account is None else account.account_id,
    )
