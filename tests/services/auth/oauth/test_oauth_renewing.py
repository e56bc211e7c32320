"""Tokens are renewed once for all who need them, whatever dies or breaks meanwhile; only a refusal stops an account.

The provider rotates refresh tokens and takes a second use of one for theft: one request too many ends the account."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from replywire_contracts.v1.account import AccountConnected, AccountNeedsReauth

from services.auth import commands
from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.renewing import TokensUnavailable
from services.providers.errors import ReauthRequired
from services.runtime.credentials import CredentialsCache
from services.runtime.rpc import RpcRefused, RpcUnavailable
from tests.services.auth import processes
from tests.services.auth.conftest import TEAM
from tests.services.auth.oauth.world import OAuthWorld, environment_of, replica

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUR = timedelta(hours=1)


async def stale(world: OAuthWorld, email: str = "ada@example.com") -> str:
    """An account whose access token has just expired."""
    account, _ = await world.connect_google(email)
    assert isinstance(await world.auth.next_event(), AccountConnected)
    await world.age(account.account_id, HOUR)
    await world.google.reset_counts()
    return account.account_id


async def test_fifty_askers_at_two_replicas_cost_one_token_request(world: OAuthWorld) -> None:
    account_id = await stale(world)
    async with replica(world.auth.settings):
        leased = await asyncio.gather(*(world.lease(account_id) for _ in range(50)))
    assert (await world.google.counts())["token_requests"] == 1
    assert len(set(leased)) == 1
    token, revision = leased[0]
    assert revision == 2
    assert (await world.google.introspect(token))["active"]


async def test_fifty_askers_at_two_replicas_cost_microsoft_one_token_request_each_time(world: OAuthWorld) -> None:
    world.entra.directory.person("ada@contoso.example.com")
    account, _ = await world.connect_microsoft("ada@contoso.example.com")
    async with replica(world.auth.settings):
        for generation in range(1, 4):
            await world.age(account.account_id, HOUR)
            leased = await asyncio.gather(*(world.lease(account.account_id) for _ in range(50)))
            assert world.entra.counts.refreshes == generation
            assert len(set(leased)) == 1
    assert world.entra.directory.bearer(f"Bearer {leased[0][0]}") is not None


async def test_tokens_go_on_while_keys_are_rotated_and_none_is_used_twice(world: OAuthWorld) -> None:
    account_id = await stale(world)
    await world.google.set(access_token_seconds=2)
    ring, seen, stop = world.auth.settings.key_ring, set[str](), asyncio.Event()
    assert ring is not None

    async def lease_all_the_time() -> None:
        while not stop.is_set():
            token, _ = await world.lease(account_id)
            seen.add(token)

    async with replica(world.auth.settings), asyncio.timeout(60):
        load = [asyncio.create_task(lease_all_the_time()) for _ in range(8)]
        try:
            for number in range(2, 5):
                commands.new_key_ring(Path(ring), False, lambda _: None)
                assert await commands.rotate_keys(world.auth.settings, True, lambda _: None) == 0
                before = len(seen)
                while len(seen) == before:
                    assert not any(task.done() for task in load)
                    await asyncio.sleep(0.02)
                account = await world.account(account_id)
                assert account.box is not None
                assert account.box.key_id == json.loads(Path(ring).read_text())["current"], number
        finally:
            stop.set()
            await asyncio.gather(*load)
    counts = await world.google.counts()
    assert counts["grant_errors"] == 0
    assert counts["refreshes"] >= len(seen) >= 3
    assert await world.state(account_id) == "connected"


async def test_a_refused_token_is_renewed_once_for_all_that_it_stopped(world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    await world.age(account.account_id, timedelta(minutes=20))
    before, revision = await world.lease(account.account_id)
    await world.google.end_access_token(before)
    await world.google.reset_counts()
    async with replica(world.auth.settings):
        leased = await asyncio.gather(*(world.lease(account.account_id, refused=revision) for _ in range(20)))
    assert (await world.google.counts())["token_requests"] == 1
    assert {number for _, number in leased} == {revision + 1}
    assert before not in {token for token, _ in leased}

    # The new one is refused as well: it is not stale, so the same is leased again, and the asker's report counts.
    again, number = await world.lease(account.account_id, refused=revision + 1)
    assert (again, number) == leased[0]
    assert (await world.google.counts())["token_requests"] == 1
    late = ReauthRequired("refused_login", code="535")
    await CredentialsCache(world.auth.rpc).rejected(account.account_id, revision, late)  # about the token of before
    assert await world.state(account.account_id) == "connected"
    await CredentialsCache(world.auth.rpc).rejected(account.account_id, number, late)
    assert await world.state(account.account_id) == "needs_reauth"


async def test_a_lease_ends_ahead_of_its_token_and_differently_for_each_account(world: OAuthWorld) -> None:
    ends = set()
    for name in ("ada", "bob", "cleo"):
        account, _ = await world.connect_google(f"{name}@example.com")
        leased, _ = await CredentialsCache(world.auth.rpc).lease(account.account_id)
        tokens = await world.tokens(account.account_id)
        assert leased.expires_at is not None
        ahead = tokens.expires_at - leased.expires_at
        assert timedelta(minutes=5) <= ahead <= timedelta(minutes=10)
        ends.add(ahead)
    assert len(ends) == 3


SICK: dict[str, dict[str, Any]] = {
    "a server error": {"token_status": 500},
    "a gateway's page": {"token_status": 403},
    "an error that is no answer": {"token_status": 400, "token_body": "<html>no</html>"},
    "too many requests": {"token_status": 429, "token_body": '{"error": "invalid_grant"}'},
    "nonsense": {"token_status": 200, "token_body": "{"},
    "an answer without a token": {"token_status": 200, "token_body": '{"ok": true}'},
    "an unknown error": {"token_status": 400, "token_body": '{"error": "temporarily_unavailable"}'},
    "the app is refused": {"token_status": 401, "token_body": '{"error": "invalid_client"}'},
}


@pytest.mark.parametrize("ill", SICK)
async def test_trouble_at_the_token_endpoint_is_never_taken_for_a_revocation(ill: str, world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    assert isinstance(await world.auth.next_event(), AccountConnected)
    await world.google.set(**SICK[ill])
    await world.age(account.account_id, timedelta(minutes=56))
    still_good, _ = await world.lease(account.account_id)  # due to be renewed, but it opens the mailbox yet
    assert (await world.google.introspect(still_good))["active"]
    await world.age(account.account_id, timedelta(minutes=5))
    with pytest.raises(RpcUnavailable):
        await world.lease(account.account_id)
    assert await world.state(account.account_id) == "connected"
    await world.google.heal()
    token, _ = await world.lease(account.account_id)
    assert token != still_good
    assert world.auth.events.empty()


async def test_a_provider_that_cannot_be_reached_stops_no_account(world: OAuthWorld) -> None:
    account_id = await stale(world)
    await world.google.stop()
    try:
        with pytest.raises(RpcUnavailable):
            await world.lease(account_id)
        assert await world.state(account_id) == "connected"
    finally:
        await world.google.start()  # which has forgotten every grant
    with pytest.raises(RpcRefused, match="needs_reauth"):
        await world.lease(account_id)


async def test_a_revoked_grant_stops_the_account_once_and_says_how_to_reconnect(world: OAuthWorld) -> None:
    account_id = await stale(world)
    assert await world.google.end_grants("ada@example.com") == 1
    refused = await asyncio.gather(*(world.lease(account_id) for _ in range(10)), return_exceptions=True)
    assert {type(error) for error in refused} == {RpcRefused}
    assert {error.code for error in refused if isinstance(error, RpcRefused)} == {"needs_reauth"}
    assert (await world.google.counts())["token_requests"] == 1
    event = await world.auth.next_event()
    assert isinstance(event, AccountNeedsReauth)
    assert event.failure.reason == "grant_refused"
    assert event.failure.code == "invalid_grant"
    assert "reconnect" in event.failure.remedy
    assert (event.reconnect_url or "").endswith(f"/mailboxes/{account_id}")
    records = await world.audit("account.needs_reauth")
    assert [record["actor"] for record in records] == ["provider"]

    again, new = await world.connect_google()
    assert (again.account_id, new) == (account_id, False)
    token, _ = await world.lease(account_id)
    assert (await world.google.introspect(token))["active"]


async def test_an_answer_lost_after_the_rotation_ends_where_the_provider_ends_it(world: OAuthWorld) -> None:
    """The new refresh token went with the answer. The old one is all there is: where the provider forgives, it works;
    where it calls that theft, the person must sign in, and is told so."""
    forgiven, punished = await stale(world, "ada@example.com"), await stale(world, "bob@example.com")
    for account_id, rotate in ((forgiven, False), (punished, True)):
        await world.google.set(rotate=rotate, hang_up_after=True)
        with pytest.raises(RpcUnavailable):
            await world.lease(account_id)
        assert await world.state(account_id) == "connected"
        await world.google.heal()
    token, _ = await world.lease(forgiven)
    assert (await world.google.introspect(token))["active"]
    with pytest.raises(RpcRefused, match="needs_reauth"):
        await world.lease(punished)


async def test_a_refusal_of_what_another_replica_has_replaced_meanwhile_stops_nothing(world: OAuthWorld) -> None:
    """Its lease ran out while it waited: the token it asks with is the old one by now."""
    account_id = await stale(world)
    await world.google.set(token_delay_ms=1500, refuse_refresh=True)
    account, tokens = await world.account(account_id), await world.tokens(account_id)
    late = asyncio.create_task(world.oauth.renewing.fresh(account, tokens))
    while not (await world.google.counts())["token_requests"]:
        await asyncio.sleep(0.02)
    await world.google.heal()
    token, revision = await world.lease(account_id)
    found = await late
    assert (found.tokens.access_token, found.account.revision) == (token, revision) == (token, 2)
    assert await world.state(account_id) == "connected"
    assert (await world.google.counts())["token_requests"] == 2


async def test_an_answer_that_comes_after_everybody_left_is_kept(world: OAuthWorld) -> None:
    account_id = await stale(world)
    await world.google.set(token_delay_ms=1500)
    tokens = await world.tokens(account_id)
    world.oauth.renewing.patience = 0.2
    try:
        with pytest.raises(TokensUnavailable):
            await world.oauth.renewing.fresh(await world.account(account_id), tokens)
    finally:
        world.oauth.renewing.patience = world.auth.settings.token_patience_seconds
    await world.oauth.renewing.settle()
    token, revision = await world.lease(account_id)
    assert revision == 2
    assert (await world.google.introspect(token))["active"]
    assert (await world.google.counts())["token_requests"] == 1


@pytest.mark.parametrize(
    ("where", "ends"),
    [("auth.before_token_request", "connected"), ("auth.before_keeping_tokens", "needs_reauth")],
)
async def test_a_replica_killed_while_renewing_holds_nobody_up(where: str, ends: str, world: OAuthWorld) -> None:
    """With the lease of the dead replica over, another one renews. Where the dead one had the only new token already,
    the provider's own word decides."""
    account_id = await stale(world)
    settings = world.auth.settings
    environment = environment_of(settings) | {"REPLYWIRE_FAILPOINTS": f"{where}=kill"}
    async with processes.serving(settings, **environment) as served, world.silent():
        asking = asyncio.create_task(world.lease(account_id))
        assert await served.died() == -9
        asking.cancel()
    if ends == "connected":
        token, _ = await world.lease(account_id)
        assert (await world.google.introspect(token))["active"]
    else:
        with pytest.raises(RpcRefused, match=ends):
            await world.lease(account_id)
    assert await world.state(account_id) == ends


async def test_another_app_in_its_place_asks_for_a_new_sign_in_and_none_at_all_waits(world: OAuthWorld) -> None:
    who, callback = Who(TEAM, Actor.person("boss")), "http://127.0.0.1:8100/oauth/google/callback"
    await world.google.register("acme.apps.example.com", "acme-own-secret", [callback])
    await world.oauth.apps.set_team_app(who, "google", "acme.apps.example.com", "acme-own-secret")
    account_id = await stale(world)
    await world.oauth.apps.remove_team_app(who, "google")
    with pytest.raises(RpcRefused, match="needs_reauth"):
        await world.lease(account_id)
    event = await world.auth.next_event()
    assert isinstance(event, AccountNeedsReauth)
    assert event.failure.reason == "app_changed"
    assert (await world.google.counts())["token_requests"] == 0
