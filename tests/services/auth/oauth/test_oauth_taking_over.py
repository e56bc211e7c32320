"""What a sign-in proves, it may take; what was connected otherwise, and what an address alone claims, it may not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from services.auth.adapters.sync_engine import RpcSyncEngine
from services.auth.app import now
from services.auth.connecting import Connecting, Who
from services.auth.domain.audit import Actor
from services.auth.domain.connect_request import ConnectRequest
from services.auth.domain.refusals import Conflict
from services.auth.logins import Logins
from services.providers import registry
from services.providers.protocols import Connect
from tests.services.auth.conftest import TEAM
from tests.services.auth.oauth.world import MEMBER, OAuthWorld, reconnecting

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVE = replace(MEMBER, session_id="session-of-eve", person="eve")
BY_ADA, BY_EVE = (Who(TEAM, Actor.person(name), person=name) for name in ("ada", "eve"))
BY_KEY = Who(TEAM, Actor.key("key_1"))
ADDRESS = ConnectRequest("external", "ada@example.com", "", {}, {})


@dataclass(frozen=True)
class Offered:
    """A team that set External up, which `send` would have to be asked about."""

    async def of(self, team_id: str) -> tuple[str, ...]:
        return ("external",)


def connecting(world: OAuthWorld) -> Connecting:
    def prover(client: str) -> Connect:
        make = registry.client(client).connect
        assert make is not None
        return make(world.auth.settings.connect_policy)

    logins = Logins(prover, RpcSyncEngine(lambda: world.auth.app.rpc), lambda client: False, asyncio.Semaphore(1), 20)
    return Connecting(world.accounts, world.rings, logins, world.oauth.revoking, Offered(), now)


async def test_an_address_without_a_login_takes_no_gmail_account(world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    with pytest.raises(Conflict) as refused:
        await connecting(world).connect(BY_EVE, ADDRESS)
    assert refused.value.code == "connected_by_another"
    assert await world.account(account.account_id) == account
    assert (await world.google.counts())["revocations"] == 0


@pytest.mark.parametrize("who", [BY_ADA, BY_KEY], ids=["its person", "an API key"])
async def test_a_grant_is_given_back_when_its_account_changes_to_another_client(world: OAuthWorld, who: Who) -> None:
    account, _ = await world.connect_google()
    token, _ = await world.lease(account.account_id)
    changed, new = await connecting(world).connect(who, ADDRESS)
    assert (changed.account_id, changed.client, new) == (account.account_id, "external", False)
    assert not (await world.google.introspect(token))["active"]
    assert (await world.audit("account.reconnected"))[0]["details"]["grant"] == "revoked"


async def test_a_sign_in_of_the_very_mailbox_adds_its_person(world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    again, new = await world.connect_google("ada@example.com", EVE)
    assert (again.account_id, new, again.people) == (account.account_id, False, ("ada", "eve"))


async def test_a_sign_in_takes_no_mailbox_that_was_connected_otherwise(world: OAuthWorld) -> None:
    account, _ = await connecting(world).connect(BY_ADA, ADDRESS)
    world.entra.directory.person("eve@fabrikam.example.com", mail="ada@example.com")
    with pytest.raises(Conflict) as refused:
        await world.connect_microsoft("eve@fabrikam.example.com", EVE, login_hint="ada@example.com")
    assert refused.value.code == "connected_by_another"
    assert await world.account(account.account_id) == account

    signed_in, _ = await world.connect_google("ada@example.com", MEMBER)
    assert (signed_in.account_id, signed_in.client) == (account.account_id, "gmail")
    with pytest.raises(Conflict):
        await world.connect_microsoft("eve@fabrikam.example.com", EVE, login_hint="ada@example.com")
    assert (await world.account(account.account_id)).people == ("ada",)


async def test_a_link_to_reconnect_lets_a_sign_in_take_its_account(world: OAuthWorld) -> None:
    account, _ = await connecting(world).connect(BY_ADA, ADDRESS)
    taken, _ = await world.connect_google("ada@example.com", reconnecting(account.account_id, EVE))
    assert (taken.account_id, taken.client, taken.people) == (account.account_id, "gmail", ("ada", "eve"))


async def test_a_grant_is_given_back_when_its_account_moves_to_another_provider(world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    token, _ = await world.lease(account.account_id)
    world.entra.directory.person("ada@example.com")
    moved, _ = await world.connect_microsoft("ada@example.com")
    assert (moved.account_id, moved.client) == (account.account_id, "microsoft365")
    assert not (await world.google.introspect(token))["active"]
    assert (await world.audit("account.reconnected"))[0]["details"]["grant"] == "revoked"
