"""A Microsoft 365 mailbox is connected by signing in; what stands in the way is said in words, with what to do."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from replywire_contracts.v1.account import AccountNeedsReauth

from services.auth.adapters.id_tokens import IdTokens
from services.auth.adapters.provider_http import ProviderHttp
from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.domain.oauth_app import Provider
from services.auth.domain.oauth_errors import Unavailable
from services.auth.domain.oauth_flow import SignInRefused
from services.auth.domain.refusals import Invalid, NotProved, Refused
from services.runtime.rpc import RpcRefused, RpcUnavailable
from tests.servers.entra_directory import App
from tests.services.auth.conftest import TEAM
from tests.services.auth.oauth.world import MEMBER, OAuthWorld, reconnecting

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADA = "ada@contoso.example.com"


async def test_signing_in_connects_the_mailbox_under_its_own_address(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA, mail="Ada.Lovelace@contoso.example.com", aliases=("al@contoso.example.com",))
    account, new = await world.connect_microsoft(ADA)
    assert new
    assert (account.client, account.address) == ("microsoft365", "Ada.Lovelace@contoso.example.com")
    token, _ = await world.lease(account.account_id)
    assert world.entra.directory.bearer(f"Bearer {token}") is not None
    again, new = await world.connect_microsoft(ADA, reconnecting(account.account_id), account_id=account.account_id)
    assert (again.account_id, new) == (account.account_id, False)
    alias, new = await world.connect_microsoft(ADA, login_hint="al@contoso.example.com")
    assert (alias.account_id, new) == (account.account_id, False)


async def test_a_teams_app_for_one_organisation_asks_that_organisation_alone(world: OAuthWorld) -> None:
    tenant_id = world.entra.directory.tenant("contoso.example.com").tenant_id
    world.entra.directory.person(ADA)
    own = App("11111111-0000-4000-8000-000000000002", "own-secret", list(world.entra.redirect_uris))
    world.entra.directory.apps[own.client_id] = own
    who = Who(TEAM, Actor.person("boss"))
    await world.oauth.apps.set_team_app(who, "microsoft", own.client_id, own.client_secret, tenant_id)
    address = await world.oauth.connecting.begin(MEMBER, "microsoft365")
    assert urlsplit(address).path == f"/{tenant_id}/oauth2/v2.0/authorize"
    assert urlsplit(await world.oauth.consents.help_link(TEAM)).path == f"/{tenant_id}/v2.0/adminconsent"
    account, _ = await world.connect_microsoft(ADA)
    await world.age(account.account_id, timedelta(hours=1))
    await world.lease(account.account_id)
    for provider, tenant in (("microsoft", "a/b"), ("google", tenant_id)):
        with pytest.raises(Invalid) as refused:
            await world.oauth.apps.set_team_app(who, provider, "id", "secret", tenant)
        assert refused.value.field == "tenant"


async def test_the_box_holds_msals_cache_and_the_newest_refresh_token_alone(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA)
    account, _ = await world.connect_microsoft(ADA)
    seen = set()
    for _ in range(3):
        tokens = await world.tokens(account.account_id)
        cache = json.loads(tokens.renewal)
        assert not cache.get("AccessToken")
        (kept,) = cache["RefreshToken"].values()
        seen.add(kept["secret"])
        grant, used = world.entra.directory.refresh_tokens[kept["secret"]]
        assert (grant.person.upn, used) == (ADA, False)
        await world.age(account.account_id, timedelta(hours=1))
        await world.lease(account.account_id)
    assert len(seen) == 3


async def test_another_persons_mailbox_under_the_same_address_is_refused(world: OAuthWorld) -> None:
    """A successor inherits the address; another tenant's administrator gives somebody ours."""
    world.entra.directory.person(ADA)
    account, _ = await world.connect_microsoft(ADA)
    world.entra.directory.person(ADA)  # the same name, another object id
    world.entra.directory.person("mallory@evil.example.net", mail=ADA)
    for upn in (ADA, "mallory@evil.example.net"):
        for visitor in (MEMBER, reconnecting(account.account_id)):
            with pytest.raises(SignInRefused) as refused:
                await world.connect_microsoft(upn, visitor)
            assert refused.value.code == "other_person"
    assert (await world.account(account.account_id)).revision == 1


async def test_another_mailbox_than_the_one_asked_for_is_refused(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA)
    world.entra.directory.person("bob@contoso.example.com")
    account, _ = await world.connect_microsoft(ADA)
    with pytest.raises(Refused) as refused:
        await world.connect_microsoft("bob@contoso.example.com", reconnecting(account.account_id))
    assert refused.value.code == "other_mailbox"
    with pytest.raises(Refused) as refused:
        await world.connect_microsoft("bob@contoso.example.com", login_hint="cleo@contoso.example.com")
    assert refused.value.code == "other_mailbox"
    assert await world.app.db["accounts"].count_documents({}) == 1


async def test_an_account_without_a_mailbox_and_an_ill_graph_are_told_apart(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA, has_mailbox=False)
    with pytest.raises(NotProved) as refused:
        await world.connect_microsoft(ADA)
    assert (refused.value.code, refused.value.again) == ("no_mailbox", False)
    assert "licence" in refused.value.remedy
    world.entra.directory.person(ADA)
    world.entra.knobs.graph_status = 503
    with pytest.raises(NotProved) as refused:
        await world.connect_microsoft(ADA)
    assert refused.value.again
    assert await world.leftovers() == []


async def test_a_scope_that_was_not_granted_is_named(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA)
    world.entra.knobs.drop_scope = "Mail.Send"
    with pytest.raises(SignInRefused) as refused:
        await world.connect_microsoft(ADA)
    assert refused.value.code == "missing_scope"
    assert "send mail as you (Mail.Send)" in refused.value.detail
    assert await world.leftovers() == []


async def test_declining_and_needing_an_administrator_are_told_apart(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA)
    address = await world.oauth.connecting.begin(MEMBER, "microsoft365")
    query = await world.entra.visit(address, ADA, accept=False)
    with pytest.raises(SignInRefused) as refused:
        await world.oauth.connecting.finish(MEMBER, "microsoft", query)
    assert refused.value.code == "consent_declined"

    world.entra.directory.tenant("strict.example.com", people_may_consent=False)
    world.entra.directory.person("eve@strict.example.com")
    with pytest.raises(SignInRefused) as refused:
        await world.connect_microsoft("eve@strict.example.com")
    assert refused.value.code == "admin_consent_missing"
    assert "administrator" in refused.value.remedy


async def connected_and_stale(world: OAuthWorld) -> str:
    world.entra.directory.person(ADA)
    account, _ = await world.connect_microsoft(ADA)
    await world.auth.next_event()
    await world.age(account.account_id, timedelta(hours=1))
    return account.account_id


@pytest.mark.parametrize(
    ("error", "number", "reason"),
    [
        ("invalid_grant", 50173, "password_changed"),
        ("invalid_grant", 700082, "sign_in_too_old"),
        ("invalid_grant", 65001, "consent_missing"),
        ("interaction_required", 50076, "second_factor"),
        ("invalid_grant", 99999999, "grant_refused"),
    ],
)
async def test_a_refused_grant_stops_the_account_in_microsofts_sense(
    error: str, number: int, reason: str, world: OAuthWorld
) -> None:
    account_id = await connected_and_stale(world)
    world.entra.knobs.refuse_refresh = (error, number, "Words of Microsoft's.")
    with pytest.raises(RpcRefused, match="needs_reauth"):
        await world.lease(account_id)
    event = await world.auth.next_event()
    assert isinstance(event, AccountNeedsReauth)
    assert (event.failure.reason, event.failure.code) == (reason, f"{error} AADSTS{number}")
    assert event.failure.remedy


@pytest.mark.parametrize(
    ("error", "number"),
    [
        ("invalid_client", 7000215),
        ("invalid_client", 7000222),
        ("unauthorized_client", 700016),
        ("invalid_grant", 50196),
        ("temporarily_unavailable", 90033),
        ("server_error", 50000),
    ],
)
async def test_the_operators_and_microsofts_own_troubles_stop_no_account(
    error: str, number: int, world: OAuthWorld
) -> None:
    account_id = await connected_and_stale(world)
    world.entra.knobs.refuse_refresh = (error, number, "Words of Microsoft's.")
    with pytest.raises(RpcUnavailable):
        await world.lease(account_id)
    assert await world.state(account_id) == "connected"
    world.entra.knobs.refuse_refresh = None
    await world.lease(account_id)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
async def test_a_page_instead_of_an_answer_stops_no_account(status: int, world: OAuthWorld) -> None:
    account_id = await connected_and_stale(world)
    world.entra.knobs.token_status = status
    with pytest.raises(RpcUnavailable):
        await world.lease(account_id)
    assert await world.state(account_id) == "connected"
    world.entra.knobs.token_status = 0
    await world.lease(account_id)


async def test_disconnecting_says_that_microsoft_takes_no_grant_back(world: OAuthWorld) -> None:
    world.entra.directory.person(ADA)
    account, _ = await world.connect_microsoft(ADA)
    api = await world.auth.api()
    assert (await api.delete(f"/v1/accounts/{account.account_id}")).status_code == 204
    assert (await world.account(account.account_id)).box is None
    assert (await world.audit("account.disconnected"))[0]["details"]["grant"] == "the provider has no way"


def _claims(world: OAuthWorld, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    facts = {"iss": "https://login.example.com", "sub": "s", "aud": "app", "iat": now, "exp": now + 600, "nonce": "n"}
    return {name: value for name, value in (facts | changed).items() if value is not None}


async def test_an_id_token_holds_only_as_the_providers_own_for_this_app_and_this_sign_in(world: OAuthWorld) -> None:
    http = ProviderHttp(Provider.MICROSOFT, ca_file=world.entra.ca_file)
    ids, keys = IdTokens(Provider.MICROSOFT, http), f"{world.entra.url}/common/discovery/v2.0/keys"
    header, key = {"alg": "RS256", "kid": "double"}, world.entra.directory.key
    other, now = RSAKey.generate_key(2048, {"kid": "double"}), int(time.time())

    async def claims(token: str) -> None:
        await ids.claims(token, keys, "app", "n")

    try:
        await claims(jwt.encode(header, _claims(world), key))
        public = key.as_pem(private=False)
        hmac_key = base64.urlsafe_b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")
        none = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none"}, _claims(world))
        )
        forged = {
            "signed by another": jwt.encode(header, _claims(world), other),
            "for another app": jwt.encode(header, _claims(world, aud="another"), key),
            "of another sign-in": jwt.encode(header, _claims(world, nonce="another"), key),
            "of no sign-in": jwt.encode(header, _claims(world, nonce=None), key),
            "expired": jwt.encode(header, _claims(world, exp=now - 3600), key),
            "for ever": jwt.encode(header, _claims(world, exp=None), key),
            "unsigned": f"{none}.",
            "signed with what is public": f"{none}.{hmac_key}",
            "no token at all": "nonsense",
            "nothing": "",
        }
        for token in forged.values():
            with pytest.raises(Unavailable):
                await claims(token)
    finally:
        await http.close()
