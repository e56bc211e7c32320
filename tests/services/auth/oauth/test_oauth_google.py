"""A Gmail mailbox is connected by signing in, only as its own person, with all that was asked for, and given back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from replywire_contracts.v1.account import AccountConnected

from services.auth import commands
from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.domain.links import Role
from services.auth.domain.oauth_flow import LIFE, SignInRefused
from services.auth.domain.refusals import Invalid, Refused
from services.runtime.rpc import RpcRefused
from tests.servers.google_oidc import MAIL_SCOPE
from tests.services.auth.conftest import TEAM
from tests.services.auth.oauth.world import ADMIN, MEMBER, OAuthWorld, reconnecting

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLBACK = "http://127.0.0.1:8100/oauth/google/callback"


async def test_signing_in_connects_the_mailbox_and_leases_its_token_alone(world: OAuthWorld) -> None:
    account, new = await world.connect_google()
    assert new
    assert (account.address, account.client, account.people) == ("ada@example.com", "gmail", ("ada",))
    token, revision = await world.lease(account.account_id)
    told = await world.google.introspect(token)
    assert (told["active"], told["email"], revision) == (True, "ada@example.com", 1)
    assert MAIL_SCOPE in told["scope"]
    event = await world.auth.next_event()
    assert isinstance(event, AccountConnected)
    assert (event.client, event.account_id) == ("gmail", account.account_id)
    assert (await world.audit("account.connected"))[0]["actor"] == "person:ada"


async def test_no_token_and_no_verifier_is_readable_in_the_database(world: OAuthWorld) -> None:
    pending = await world.oauth.connecting.begin(MEMBER, "gmail")
    state = parse_qs(urlsplit(pending).query)["state"][0]
    account, _ = await world.connect_google()
    tokens = await world.tokens(account.account_id)
    written = b""
    for name in await world.app.db.list_collection_names():
        written += b"".join([repr(found).encode() async for found in world.app.db[name].find()])
    for secret in (tokens.access_token, tokens.renewal, state, world.google.client_secret):
        assert secret.encode() not in written
    assert b"verifier" not in written


async def test_the_sign_in_page_is_asked_with_pkce_a_nonce_offline_access_and_the_exact_address(
    world: OAuthWorld,
) -> None:
    asked = parse_qs(urlsplit(await world.oauth.connecting.begin(MEMBER, "gmail")).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [CALLBACK]
    assert (asked["access_type"], asked["prompt"]) == (["offline"], ["consent"])
    assert len(asked["state"][0]) >= 43
    assert asked["nonce"] != asked["state"]


async def test_an_unticked_scope_is_named_and_nothing_is_left(world: OAuthWorld) -> None:
    address = await world.oauth.connecting.begin(MEMBER, "gmail")
    query = await world.google.sign_in(address, "ada@example.com", untick=[MAIL_SCOPE])
    with pytest.raises(SignInRefused) as refused:
        await world.oauth.connecting.finish(MEMBER, "google", query)
    assert refused.value.code == "missing_scope"
    assert "read, compose and send your mail" in refused.value.detail
    assert MAIL_SCOPE in refused.value.detail
    assert await world.leftovers() == []


async def test_who_cancels_is_told_so(world: OAuthWorld) -> None:
    address = await world.oauth.connecting.begin(MEMBER, "gmail")
    query = await world.google.sign_in(address, "ada@example.com", cancel=True)
    with pytest.raises(SignInRefused) as refused:
        await world.oauth.connecting.finish(MEMBER, "google", query)
    assert refused.value.code == "consent_declined"
    assert await world.leftovers() == []


async def test_a_state_works_once_for_its_person_its_session_its_errand_and_ten_minutes(world: OAuthWorld) -> None:
    async def back() -> dict[str, str]:
        address = await world.oauth.connecting.begin(MEMBER, "gmail")
        return await world.google.sign_in(address, "ada@example.com")

    connecting, consents = world.oauth.connecting, world.oauth.consents
    query = await back()
    strangers = (
        replace(MEMBER, session_id="another"),
        replace(MEMBER, person="eve"),
        replace(MEMBER, team_id="globex"),
        replace(MEMBER, session_id="another", person="eve", team_id="globex"),
    )
    for stranger in strangers:
        await refused_state(connecting.finish(stranger, "google", query if stranger != strangers[2] else await back()))
    await connecting.finish(MEMBER, "google", query)  # a stranger's try did not spend it
    await refused_state(connecting.finish(MEMBER, "google", query))
    await refused_state(connecting.finish(MEMBER, "google", {**query, "state": "invented"}))
    await refused_state(connecting.finish(MEMBER, "google", {"code": query["code"]}))
    await refused_state(connecting.finish(MEMBER, "microsoft", await back()))
    admin = replace(MEMBER, purpose=ADMIN.purpose, role=Role.ADMIN)
    await refused_state(consents.finish(admin, await back()))

    query = await back()
    await world.app.db["oauth_flows"].update_many(
        {}, [{"$set": {"expires_at": {"$subtract": ["$expires_at", int(LIFE.total_seconds() * 1000)]}}}]
    )
    await refused_state(connecting.finish(MEMBER, "google", query))


async def refused_state(finishing: object) -> None:
    with pytest.raises(SignInRefused) as refused:
        await finishing  # type: ignore[misc]
    assert refused.value.code == "state_refused"


async def test_a_code_of_another_sign_in_is_worth_nothing(world: OAuthWorld) -> None:
    first = await world.google.sign_in(await world.oauth.connecting.begin(MEMBER, "gmail"), "ada@example.com")
    second = await world.google.sign_in(await world.oauth.connecting.begin(MEMBER, "gmail"), "eve@example.com")
    with pytest.raises(SignInRefused) as refused:  # PKCE: the verifier is the first one's
        await world.oauth.connecting.finish(MEMBER, "google", {**first, "code": second["code"]})
    assert refused.value.code == "code_refused"
    assert await world.app.db["accounts"].count_documents({}) == 0


async def test_an_answer_in_another_issuers_name_is_not_redeemed(world: OAuthWorld) -> None:
    query = await world.google.sign_in(await world.oauth.connecting.begin(MEMBER, "gmail"), "ada@example.com")
    with pytest.raises(SignInRefused):
        await world.oauth.connecting.finish(MEMBER, "google", {**query, "iss": "https://accounts.example.net"})
    assert (await world.google.counts())["token_requests"] == 0


async def test_another_mailbox_than_the_one_asked_for_is_refused(world: OAuthWorld) -> None:
    with pytest.raises(SignInRefused) as refused:
        await world.connect_google("eve@example.com", login_hint="ada@example.com")
    assert refused.value.code == "other_mailbox"
    assert "eve@example.com" in refused.value.detail
    assert await world.leftovers() == []

    account, _ = await world.connect_google("ada@example.com", login_hint="Ada@Example.com")
    visitor = reconnecting(account.account_id)
    with pytest.raises(SignInRefused) as refused:
        await world.connect_google("eve@example.com", visitor)
    assert refused.value.code == "other_mailbox"
    assert (await world.account(account.account_id)).revision == 1

    again, new = await world.connect_google("ada@example.com", visitor)
    assert (again.account_id, again.revision, new) == (account.account_id, 2, False)


async def test_a_link_to_reconnect_one_account_reconnects_no_other(world: OAuthWorld) -> None:
    ada, _ = await world.connect_google("ada@example.com")
    bob, _ = await world.connect_google("bob@example.com")
    address = await world.oauth.connecting.begin(reconnecting(ada.account_id), "gmail", account_id=bob.account_id)
    assert parse_qs(urlsplit(address).query)["login_hint"] == ["ada@example.com"]
    with pytest.raises(Refused):
        await world.oauth.connecting.begin(replace(MEMBER, team_id="globex"), "gmail", account_id=ada.account_id)


async def test_an_address_that_google_does_not_vouch_for_is_refused(world: OAuthWorld) -> None:
    await world.google.set(email_verified=False)
    with pytest.raises(SignInRefused) as refused:
        await world.connect_google()
    assert refused.value.code == "address_unverified"
    assert await world.leftovers() == []


async def test_a_client_that_the_team_does_not_offer_is_not_begun(world: OAuthWorld) -> None:
    await world.settings_of_team.change(Who(TEAM, Actor.person("boss")), offered=["smtp_imap"])
    with pytest.raises(Invalid):
        await world.oauth.connecting.begin(MEMBER, "gmail")


async def test_a_sign_in_that_cannot_reach_google_says_so_and_leaves_nothing(world: OAuthWorld) -> None:
    query = await world.google.sign_in(await world.oauth.connecting.begin(MEMBER, "gmail"), "ada@example.com")
    await world.google.set(token_status=502)
    with pytest.raises(SignInRefused) as refused:
        await world.oauth.connecting.finish(MEMBER, "google", query)
    assert refused.value.code == "provider_unavailable"
    assert await world.leftovers() == []


async def test_a_teams_own_app_is_used_sealed_audited_and_rewrapped(world: OAuthWorld) -> None:
    who = Who(TEAM, Actor.person("boss"))
    await world.google.register("acme.apps.example.com", "acme-own-secret", [CALLBACK])
    await world.oauth.apps.set_team_app(who, "google", "acme.apps.example.com", "acme-own-secret")
    account, _ = await world.connect_google()
    assert (await world.tokens(account.account_id)).client_id == "acme.apps.example.com"
    others = await world.oauth.apps.of_team("globex", "google")
    assert others is not None
    assert (others.client_id, others.of_team) == (world.google.client_id, False)
    kept = repr([found async for found in world.app.db["oauth_apps"].find()])
    assert "acme-own-secret" not in kept + repr(await world.oauth.apps.of_team(TEAM, "google"))
    assert (await world.audit("oauth_app.set"))[0]["details"] == {"client_id": "acme.apps.example.com"}

    ring = world.auth.settings.key_ring
    assert ring is not None
    commands.new_key_ring(Path(ring), False, lambda _: None)
    assert await commands.rotate_keys(world.auth.settings, True, lambda _: None) == 0
    keys = json.loads(Path(ring).read_text())
    del keys["keys"]["k1"]
    Path(ring).write_text(json.dumps(keys))
    own = await world.oauth.apps.of_team(TEAM, "google")
    assert own is not None
    assert own.client_secret == "acme-own-secret"

    assert await world.oauth.apps.remove_team_app(who, "google")
    assert not await world.oauth.apps.remove_team_app(who, "google")
    assert len(await world.audit("oauth_app.removed")) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("client_id", ""), ("client_secret", " \t"), ("client_id", "a b"), ("client_secret", "x" * 1025)],
)
async def test_an_app_that_cannot_be_one_is_refused_without_quoting_its_secret(
    field: str, value: str, world: OAuthWorld
) -> None:
    given = {"client_id": "id", "client_secret": "secret-secret", field: value}
    with pytest.raises(Invalid) as refused:
        await world.oauth.apps.set_team_app(Who(TEAM, Actor.person("boss")), "google", **given)
    assert refused.value.field == field
    assert "secret-secret" not in f"{refused.value} {refused.value.remedy}"


async def test_disconnecting_takes_the_grant_back_and_destroys_the_key(world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    token, _ = await world.lease(account.account_id)
    api = await world.auth.api()
    assert (await api.delete(f"/v1/accounts/{account.account_id}")).status_code == 204
    assert not (await world.google.introspect(token))["active"]
    assert (await world.account(account.account_id)).box is None
    assert (await world.audit("account.disconnected"))[0]["details"]["grant"] == "revoked"
    with pytest.raises(RpcRefused, match="disconnected"):
        await world.lease(account.account_id)
