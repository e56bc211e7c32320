"""The team's e-mail settings, for its admins: what is offered, on what terms, and who changed it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.auth.domain import oauth_app
from services.auth.domain.consent import ConsentState
from services.auth.domain.links import Purpose
from services.auth.domain.oauth_app import PROVIDER_OF, TITLES, Provider
from services.auth.domain.refusals import Invalid, Refused
from services.auth.domain.team_settings import BY_LEAVE, CLIENTS, ClientPolicy, read_policy
from services.auth.pages import words
from services.auth.pages.connect_pages import leaving
from services.auth.pages.entering import LinkText, enter, see_other
from services.auth.pages.parts import Parts, ground
from services.auth.pages.routing import status_of
from services.auth.pages.visits import Form, Visit

_RECORDS = 25
_SAVED = {
    "offered": "What your team offers is saved.",
    "policy": "The policy is saved.",
    "app": "The app is saved. Its secret is sealed and never shown again.",
    "app-gone": "The app is removed.",
}


def add_settings_pages(router: APIRouter, parts: Parts) -> None:
    _add_offers(router, parts)
    _add_consent(router, parts)
    _add_apps(router, parts)

    @router.get("/settings")
    async def settings(request: Request, link: LinkText = None, saved: str = "", consent: str = "") -> Response:
        if link is not None:
            return await enter(parts, request, link, Purpose.SETTINGS)
        visit = await parts.visits.of(request, Purpose.SETTINGS)
        return await settings_page(parts, visit, saved=_SAVED.get(saved, ""), back_from_consent=bool(consent))


def _add_offers(router: APIRouter, parts: Parts) -> None:
    @router.post("/settings/offered")
    async def offer(request: Request) -> Response:
        visit, form = await parts.visits.posted(request, Purpose.SETTINGS)
        try:
            await parts.team_settings.change(
                visit.who,
                offered=form.all("offered"),
                consent_required=bool(form.text("consent_required")),
                revision=form.number("revision"),
            )
        except Refused as refused:
            return await settings_page(parts, visit, refused, about="offered")
        return see_other("/settings?saved=offered")

    @router.post("/settings/policies/{client}")
    async def set_policy(client: str, request: Request) -> Response:
        visit, form = await parts.visits.posted(request, Purpose.SETTINGS)
        try:
            await parts.team_settings.change(visit.who, policies={client: _policy(client, form)})
        except Refused as refused:
            return await settings_page(parts, visit, refused, about=client)
        return see_other("/settings?saved=policy")


def _add_consent(router: APIRouter, parts: Parts) -> None:
    @router.post("/settings/microsoft365/consent")
    async def ask_consent(request: Request) -> Response:
        visit, _ = await parts.visits.posted(request, Purpose.SETTINGS)
        return leaving(parts, visit, await parts.consents.begin(visit.visitor), "microsoft365")

    @router.post("/settings/microsoft365/check")
    async def check_consent(request: Request) -> Response:
        """For a consent that was given by the link that a member sent on."""
        visit, _ = await parts.visits.posted(request, Purpose.SETTINGS)
        return leaving(parts, visit, await parts.consents.check(visit.visitor), "microsoft365")


def _add_apps(router: APIRouter, parts: Parts) -> None:
    @router.post("/settings/apps/{provider}")
    async def set_app(provider: str, request: Request) -> Response:
        visit, form = await parts.visits.posted(request, Purpose.SETTINGS)
        client_id, secret, tenant = (form.text(name) for name in ("client_id", "client_secret", "tenant"))
        try:
            await parts.oauth_apps.set_team_app(visit.who, provider, client_id, secret, tenant)
        except Refused as refused:
            return await settings_page(parts, visit, refused, about=f"app-{oauth_app.read_provider(provider)}")
        return see_other("/settings?saved=app")

    @router.post("/settings/apps/{provider}/remove")
    async def remove_app(provider: str, request: Request) -> Response:
        visit, _ = await parts.visits.posted(request, Purpose.SETTINGS)
        await parts.oauth_apps.remove_team_app(visit.who, provider)
        return see_other("/settings?saved=app-gone")


async def settings_page(
    parts: Parts,
    visit: Visit,
    refused: Refused | None = None,
    *,
    about: str = "",
    saved: str = "",
    back_from_consent: bool = False,
) -> Response:
    """`about`: the part of the page that `refused` belongs to."""
    team = visit.visitor.team_id
    seen = await parts.team_settings.full_view(team)
    apps = {provider: await parts.oauth_apps.of_team(team, provider) for provider in Provider}
    consent: ConsentState | None = await parts.consents.state(team) if "microsoft365" in seen.listed else None
    records = await parts.audit.page(team, None, _RECORDS, settings_only=True)
    return parts.rendering.page(
        "settings.html",
        200 if refused is None else status_of(refused),
        **ground(visit),
        seen=seen,
        connects={client: parts.connects(client) for client in seen.listed},
        unlisted=[client for client in CLIENTS if client not in seen.listed and client not in BY_LEAVE],
        apps=apps,
        provider_of=PROVIDER_OF,
        provider_titles=TITLES,
        public_url=parts.rendering.public_url.rstrip("/"),
        consent=consent,
        records=records,
        refused=refused,
        about=about,
        saved=saved,
        back_from_consent=back_from_consent,
        titles=words.CLIENTS,
    )


def _policy(client: str, form: Form) -> ClientPolicy:
    """Raises `Invalid`."""
    per_minute = form.number("sends_per_minute")
    if per_minute is None and form.text("sends_per_minute").strip():
        field = f"policies.{client}.sends_per_minute"
        raise Invalid(field, "This is no whole number.", "Give digits, or nothing.")
    folders = tuple(form.text("folders").splitlines())
    return read_policy(client, ClientPolicy(folders, per_minute or 0, bool(form.text("sent_copy"))))
