"""Connecting a mail server by SMTP and IMAP: a form, tried at both servers before anything is kept."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.auth.domain.account import Account
from services.auth.domain.discovery import Suggestion
from services.auth.domain.links import Purpose
from services.auth.domain.refusals import Invalid, Refused
from services.auth.domain.well_known import Server
from services.auth.pages import mail_form, words
from services.auth.pages.connect_pages import require_offered
from services.auth.pages.entering import see_other
from services.auth.pages.mail_form import Wrong
from services.auth.pages.parts import Parts, ground
from services.auth.pages.routing import status_of
from services.auth.pages.visits import Form, Visit


def add_mail_pages(router: APIRouter, parts: Parts) -> None:
    @router.get("/connect/smtp_imap")
    async def mail_servers(request: Request) -> Response:
        visit = await parts.visits.of(request, Purpose.CONNECT)
        await require_offered(parts, visit.visitor, mail_form.CLIENT)
        return mail_page(parts, visit, mail_form.empty())

    @router.post("/connect/smtp_imap")
    async def connect_mail_servers(request: Request) -> Response:
        """Both servers are tried; nothing is kept of what does not work."""
        visit, form = await parts.visits.posted(request, Purpose.CONNECT)
        try:
            account, _ = await parts.connecting.connect(visit.who, mail_form.request_of(form))
        except Refused as refused:
            return _again(parts, visit, form, refused)
        return see_other(f"/mailboxes/{account.account_id}?connected=1")

    @router.post("/connect/smtp_imap/suggest")
    async def suggest_servers(request: Request) -> Response:
        """For the page's script as JSON; without it, the form again with the servers filled in."""
        visit, form = await parts.visits.posted(request, Purpose.CONNECT)
        scripted = "application/json" in request.headers.get("accept", "")
        try:
            suggestion = await parts.discovering.suggest(form.text("address"))
        except Invalid as invalid:
            return (
                JSONResponse({}, headers=parts.rendering.headers) if scripted else _again(parts, visit, form, invalid)
            )
        if scripted:
            return JSONResponse(_told(suggestion), headers=parts.rendering.headers)
        values = mail_form.suggested(mail_form.filled(form), suggestion)
        return mail_page(parts, visit, values, suggestion=suggestion, asked=True)


async def reconnect_mail_servers(parts: Parts, visit: Visit, account: Account, form: Form) -> Response:
    kept = {name: account.settings[name] for name in ("folders", "sent_copy") if name in account.settings}
    try:
        asked = mail_form.request_of(form, account.address, kept)
        await parts.connecting.reconnect(visit.who, account.account_id, asked)
    except Refused as refused:
        return _again(parts, visit, form, refused, account)
    return see_other(f"/mailboxes/{account.account_id}?connected=1")


def mail_page(
    parts: Parts,
    visit: Visit,
    values: dict[str, str],
    wrong: Wrong | None = None,
    *,
    status: int = HTTPStatus.OK,
    account_id: str | None = None,
    suggestion: Suggestion | None = None,
    asked: bool = False,
) -> Response:
    """`account_id`: the one to reconnect. `asked`: somebody asked for a suggestion, which may be None."""
    return parts.rendering.page(
        "smtp_imap.html",
        status,
        **ground(visit),
        values=values,
        wrong=wrong,
        account_id=account_id,
        suggestion=suggestion,
        asked=asked,
    )


def _again(parts: Parts, visit: Visit, form: Form, refused: Refused, account: Account | None = None) -> Response:
    values = mail_form.filled(form)
    if account is not None:
        values["address"] = account.address
    return mail_page(
        parts,
        visit,
        values,
        mail_form.wrong(refused, form),
        status=status_of(refused),
        account_id=None if account is None else account.account_id,
    )


def _told(suggestion: Suggestion | None) -> dict[str, object]:
    if suggestion is None:
        return {}

    def server(found: Server | None) -> dict[str, object] | None:
        return None if found is None else {"host": found.host, "port": found.port, "security": found.security}

    return {
        "imap": server(suggestion.imap),
        "smtp": server(suggestion.smtp),
        "provider": suggestion.provider,
        "hint": suggestion.hint,
        "better": words.client(suggestion.better).title if suggestion.better else "",
    }
