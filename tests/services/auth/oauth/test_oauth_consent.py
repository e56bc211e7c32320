"""An administrator's consent is what a token of the tenant proves, never what a redirect says."""

from __future__ import annotations

import html
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.domain.consent import ConsentState, ConsentStatus
from services.auth.domain.links import Purpose, Role
from services.auth.domain.oauth_flow import SignInRefused
from tests.services.auth.conftest import TEAM
from tests.services.auth.oauth.world import ADMIN, MEMBER, OAuthWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOSS, ADA = "boss@contoso.example.com", "ada@contoso.example.com"


async def people(world: OAuthWorld, domain: str = "contoso.example.com", *, people_may_consent: bool = False) -> str:
    """An administrator and a member of a tenant whose id is returned."""
    tenant = world.entra.directory.tenant(domain, people_may_consent=people_may_consent)
    world.entra.directory.person(f"boss@{domain}", admin=True)
    world.entra.directory.person(f"ada@{domain}")
    return tenant.tenant_id


async def answer(world: OAuthWorld, upn: str = BOSS, *, accept: bool = True) -> ConsentState:
    """The admin's whole way, in one browser, as far as it leads."""
    async with world.entra.browser() as browser:
        address: str | None = await world.oauth.consents.begin(ADMIN)
        while True:
            assert address is not None
            query = await world.entra.visit(address, upn, accept=accept, browser=browser)
            state = await world.oauth.consents.finish(ADMIN, query)
            address = state.next
            if address is None:
                return state


async def test_a_consent_is_pending_until_a_token_of_the_tenant_proves_it(world: OAuthWorld) -> None:
    tenant_id = await people(world)
    assert (await world.oauth.consents.state(TEAM)).status is ConsentStatus.NONE
    async with world.entra.browser() as browser:
        address = await world.oauth.consents.begin(ADMIN)
        page = parse_qs(urlsplit(address).query)
        assert urlsplit(address).path == "/organizations/v2.0/adminconsent"
        assert page["redirect_uri"] == ["http://127.0.0.1:8100/oauth/microsoft/admin-consent/callback"]
        query = await world.entra.visit(address, BOSS, browser=browser)
        assert query["admin_consent"] == "True"
        state = await world.oauth.consents.finish(ADMIN, query)
        assert (state.status, state.tenant_id) == (ConsentStatus.PENDING, None)
        assert (await world.oauth.consents.state(TEAM)).status is ConsentStatus.PENDING
        assert state.next is not None
        assert parse_qs(urlsplit(state.next).query)["prompt"] == ["none"]
        state = await world.oauth.consents.finish(
            ADMIN, await world.entra.visit(state.next, "nobody@example.net", browser=browser)
        )
    assert (state.status, state.tenant_id, state.by) == (ConsentStatus.GRANTED, tenant_id, "boss")
    assert await world.oauth.consents.state(TEAM) == replace(state, next=None)
    assert (await world.oauth.consents.state("globex")).status is ConsentStatus.NONE
    (granted,) = await world.audit("admin_consent.granted")
    assert (granted["actor"], granted["details"]["tenant_id"]) == ("person:boss", tenant_id)
    assert len(await world.audit("admin_consent.answered")) == 1


async def test_a_declined_consent_says_so_though_the_answer_says_true_as_well(world: OAuthWorld) -> None:
    await people(world)
    query = await world.entra.visit(await world.oauth.consents.begin(ADMIN), BOSS, accept=False)
    assert (query["admin_consent"], query["error"]) == ("True", "access_denied")
    state = await world.oauth.consents.finish(ADMIN, query)
    assert (state.status, state.next) == (ConsentStatus.DECLINED, None)
    assert state.detail
    assert state.remedy
    assert len(await world.audit("admin_consent.declined")) == 1


async def test_a_decline_takes_back_nothing_that_was_proved(world: OAuthWorld) -> None:
    await people(world)
    assert (await answer(world)).status is ConsentStatus.GRANTED
    assert (await answer(world, accept=False)).status is ConsentStatus.GRANTED


async def test_a_forged_yes_stays_unproved(world: OAuthWorld) -> None:
    """Somebody types the redirect's address, with their own good state, without ever having been at the page."""
    tenant_id = await people(world)
    other_id = await people(world, "fabrikam.example.com")
    fabrikam = world.entra.directory.tenants[other_id]
    for claimed in (tenant_id, other_id, "", "not-a-tenant"):
        state_text = parse_qs(urlsplit(await world.oauth.consents.begin(ADMIN)).query)["state"][0]
        forged = {"admin_consent": "True", "tenant": claimed, "state": state_text}
        state = await world.oauth.consents.finish(ADMIN, forged)
        assert state.status is ConsentStatus.PENDING
        assert state.next is not None
        async with world.entra.browser() as browser:
            query = await world.entra.visit(state.next, ADA, browser=browser)  # silent: nobody is signed in
            assert query["error"] == "login_required"
            state = await world.oauth.consents.finish(ADMIN, query)
            assert state.next is not None
            query = await world.entra.visit(state.next, ADA, browser=browser)  # not allowed to consent
            state = await world.oauth.consents.finish(ADMIN, query)
        assert (state.status, state.next, state.tenant_id) == (ConsentStatus.PENDING, None, None)
        assert "administrator" in state.detail + state.remedy

    # Where another customer has consented, a token can be had; but its tenant is not the one that was claimed.
    app, scopes = (
        world.entra.client_id,
        {f"{world.entra.url}/{name}" for name in ("Mail.ReadWrite", "Mail.Send", "User.Read")},
    )
    fabrikam.consented[app] = scopes
    state_text = parse_qs(urlsplit(await world.oauth.consents.begin(ADMIN)).query)["state"][0]
    state = await world.oauth.consents.finish(
        ADMIN, {"admin_consent": "True", "tenant": tenant_id, "state": state_text}
    )
    async with world.entra.browser() as browser:
        while state.next is not None:
            query = await world.entra.visit(state.next, "ada@fabrikam.example.com", browser=browser)
            state = await world.oauth.consents.finish(ADMIN, query)
    assert (state.status, state.tenant_id) == (ConsentStatus.PENDING, None)
    assert "another organisation" in state.detail
    assert await world.audit("admin_consent.granted") == []


async def test_an_answer_works_once_and_for_its_own_admin_alone(world: OAuthWorld) -> None:
    await people(world)
    consents = world.oauth.consents
    query = await world.entra.visit(await consents.begin(ADMIN), BOSS)
    for stranger in (
        replace(ADMIN, session_id="another"),
        replace(ADMIN, person="eve"),
        replace(ADMIN, role=Role.MEMBER),
        replace(ADMIN, purpose=Purpose.CONNECT),
        MEMBER,
    ):
        with pytest.raises(SignInRefused):
            await consents.finish(stranger, query)
    assert (await consents.state(TEAM)).status is ConsentStatus.NONE
    await consents.finish(ADMIN, query)
    for again in (query, {**query, "state": "invented"}, {"admin_consent": "True", "tenant": query["tenant"]}):
        with pytest.raises(SignInRefused) as refused:
            await consents.finish(ADMIN, again)
        assert refused.value.code == "state_refused"


async def test_only_an_admin_on_the_settings_page_begins(world: OAuthWorld) -> None:
    for visitor in (MEMBER, replace(MEMBER, role=Role.ADMIN), replace(ADMIN, role=Role.MEMBER)):
        for begin in (world.oauth.consents.begin, world.oauth.consents.check):
            with pytest.raises(SignInRefused) as refused:
                await begin(visitor)
            assert refused.value.code == "admins_only"


async def test_a_required_consent_holds_members_back_until_it_is_proved_for_their_tenant(world: OAuthWorld) -> None:
    await people(world)
    await people(world, "fabrikam.example.com", people_may_consent=True)
    await world.require_consent()
    with pytest.raises(SignInRefused) as refused:
        await world.oauth.connecting.begin(MEMBER, "microsoft365")
    assert refused.value.code == "consent_required"
    link = await world.oauth.consents.help_link(TEAM)
    assert link in refused.value.remedy
    assert "state" not in parse_qs(urlsplit(link).query)

    assert (await answer(world)).status is ConsentStatus.GRANTED
    account, new = await world.connect_microsoft(ADA)
    assert (account.address, new) == (ADA, True)
    with pytest.raises(SignInRefused) as refused:
        await world.connect_microsoft("ada@fabrikam.example.com")
    assert refused.value.code == "consent_required"
    assert await world.app.db["accounts"].count_documents({}) == 1


async def test_a_consent_given_by_the_link_is_proved_by_a_check(world: OAuthWorld) -> None:
    tenant_id = await people(world)
    link = html.unescape(await world.oauth.consents.help_link(TEAM))
    query = await world.entra.visit(link, BOSS)  # the organisation's administrator, who is nobody here
    assert "state" not in query
    with pytest.raises(SignInRefused):
        await world.oauth.consents.finish(ADMIN, query)
    assert (await world.oauth.consents.state(TEAM)).status is ConsentStatus.NONE
    state = await world.oauth.consents.finish(
        ADMIN, await world.entra.visit(await world.oauth.consents.check(ADMIN), ADA)
    )
    assert (state.status, state.tenant_id) == (ConsentStatus.GRANTED, tenant_id)


async def test_another_app_has_no_consent(world: OAuthWorld) -> None:
    await people(world)
    assert (await answer(world)).status is ConsentStatus.GRANTED
    who = Who(TEAM, Actor.person("boss"))
    await world.oauth.apps.set_team_app(who, "microsoft", "11111111-0000-4000-8000-000000000002", "own-secret")
    assert (await world.oauth.consents.state(TEAM)).status is ConsentStatus.NONE
    await world.oauth.apps.remove_team_app(who, "microsoft")
    assert (await world.oauth.consents.state(TEAM)).status is ConsentStatus.GRANTED


async def test_an_error_that_is_nobodys_decision_changes_nothing(world: OAuthWorld) -> None:
    await people(world)
    state_text = parse_qs(urlsplit(await world.oauth.consents.begin(ADMIN)).query)["state"][0]
    words = "AADSTS700016: Application was not found in the directory."
    query = {"error": "unauthorized_client", "error_description": words, "admin_consent": "True", "state": state_text}
    with pytest.raises(SignInRefused) as refused:
        await world.oauth.consents.finish(ADMIN, query)
    assert refused.value.code == "app_unknown"
    assert (await world.oauth.consents.state(TEAM)).status is ConsentStatus.NONE


async def checked(world: OAuthWorld, upn: str) -> ConsentState:
    query = await world.entra.visit(await world.oauth.consents.check(ADMIN), upn)
    return await world.oauth.consents.finish(ADMIN, query)


async def test_a_members_own_consent_is_no_administrators(world: OAuthWorld) -> None:
    """Where people may consent for themselves, their own token carries every scope."""
    tenant_id = await people(world, people_may_consent=True)
    world.entra.directory.apps[world.entra.client_id].tells_roles = True
    world.entra.directory.person("carl@contoso.example.com", other_roles=("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",))
    state = await checked(world, ADA)
    assert (state.status, state.tenant_id) == (ConsentStatus.PENDING, None)
    assert "no administrator's" in state.detail
    assert "administrator" in state.remedy
    assert await world.audit("admin_consent.granted") == []
    for administrator in (BOSS, "carl@contoso.example.com"):
        state = await checked(world, administrator)
        assert (state.status, state.tenant_id, state.by_admin) == (ConsentStatus.GRANTED, tenant_id, True)
    assert await world.oauth.consents.state(TEAM) == state


async def test_where_no_roles_are_told_nobody_is_called_an_administrator(world: OAuthWorld) -> None:
    tenant_id = await people(world, people_may_consent=True)
    state = await checked(world, ADA)
    assert (state.status, state.tenant_id, state.by_admin) == (ConsentStatus.GRANTED, tenant_id, False)
    (granted,) = await world.audit("admin_consent.granted")
    assert granted["details"]["role"] == "not told"


async def test_a_personal_account_proves_no_organisations_consent(world: OAuthWorld) -> None:
    world.entra.directory.tenant("example.net", personal=True)
    world.entra.directory.person("ada@example.net", admin=True)
    address = await world.oauth.consents.check(ADMIN)
    assert urlsplit(address).path == "/organizations/oauth2/v2.0/authorize"
    everybodys = address.replace("/organizations/", "/common/")  # as anybody can type
    state = await world.oauth.consents.finish(ADMIN, await world.entra.visit(everybodys, "ada@example.net"))
    assert (state.status, state.tenant_id) == (ConsentStatus.PENDING, None)
    assert "personal Microsoft account" in state.detail


async def test_a_second_tenant_that_is_not_proved_is_told_and_takes_nothing_back(world: OAuthWorld) -> None:
    tenant_id = await people(world)
    await people(world, "fabrikam.example.com", people_may_consent=True)
    world.entra.directory.apps[world.entra.client_id].tells_roles = True
    before = await answer(world)
    assert (before.status, before.detail) == (ConsentStatus.GRANTED, "")
    state = await checked(world, "ada@fabrikam.example.com")
    assert (state.status, state.tenant_id, state.by, state.at) == (
        ConsentStatus.GRANTED, tenant_id, before.by, before.at,
    )  # fmt: skip
    assert "no administrator's" in state.detail
    assert state.remedy
    declined = await answer(world, accept=False)
    assert (declined.status, declined.tenant_id) == (ConsentStatus.GRANTED, tenant_id)
    assert declined.detail
    assert (await answer(world)).detail == ""
