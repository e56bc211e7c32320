"""The settings page says of a consent what was proved, and what came of the latest try."""

from __future__ import annotations

from typing import Any

import pytest

from services.auth.adapters.consents import MongoConsents
from services.auth.app import now
from services.auth.domain import audit, consent
from services.auth.domain.audit import Action, Actor
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Team

pytestmark = pytest.mark.asyncio(loop_scope="module")
APP = "8a6f0c52-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def besides() -> dict[str, Any]:
    offered = ("smtp_imap", "microsoft365")
    return {"microsoft_client_id": APP, "microsoft_client_secret": "x", "offered_clients": offered}


@pytest.mark.parametrize("by_admin", [True, False])
async def test_the_page_says_who_proved_a_consent_and_that_the_next_try_failed(auth: Auth, by_admin: bool) -> None:
    team, consents = Team(auth), MongoConsents(auth.app.client, auth.app.db)
    before = await consents.of(team.name)
    proved = consent.granted(before.to_app(APP), "tenant-1", "boss", now(), by_admin=by_admin)
    after = consent.answered(proved, "carl", now(), "The second one is not proved.", "Begin again.")
    note = audit.record(team.name, Actor.person("boss"), Action.CONSENT_GRANTED, "microsoft365", now(), {})
    assert await consents.replace(before, after, note)
    page = (await (await team.visit("settings", role="admin")).get("/settings")).text
    assert "tenant-1" in page
    assert "by boss" in page
    assert ("with an administrator's role" in page) is by_admin
    assert ("did not say whether an administrator signed in" in page) is not by_admin
    assert "The second one is not proved. Begin again." in page


async def test_an_app_of_a_single_organisation_is_registered_with_its_tenant(auth: Auth, team: Team) -> None:
    admin = await team.visit("settings", role="admin", person="boss")
    app = {"client_id": "of-contoso", "client_secret": "not-shown-again"}
    refused = await admin.post("/settings/apps/microsoft", **app, tenant="a/b")
    assert refused.status_code == 422
    assert "This is no tenant of Microsoft Entra." in refused.text
    assert "Give the directory (tenant) id or a domain of it" in refused.text
    assert await auth.app.db["oauth_apps"].count_documents({"team_id": team.name}) == 0
    assert (await admin.post("/settings/apps/google", **app, tenant="contoso.example.com")).status_code == 422
    assert (await admin.post("/settings/apps/microsoft", **app, tenant=" Contoso.Example.com ")).status_code == 303
    kept = await auth.app.db["oauth_apps"].find_one({"team_id": team.name})
    assert kept is not None
    assert (kept["client_id"], kept["tenant"]) == ("of-contoso", "contoso.example.com")
    page = (await admin.get("/settings")).text
    assert "for people of <code" in page
    assert "contoso.example.com</code> alone" in page
    assert "not-shown-again" not in page
