"""A disconnected account's grant is taken back at the provider, by asking again where it must; nothing of it stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bson import encode

from services.auth.adapters.boxes import MongoBoxes
from services.auth.app import now
from services.auth.domain.revocation import PAUSES
from services.runtime.envelopes import open_box
from tests.services.auth.oauth.world import MEMBER, OAuthWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def disconnected(world: OAuthWorld) -> tuple[str, str]:
    """An account whose provider did not take its grant back, and what would have renewed its tokens."""
    account, _ = await world.connect_google()
    renewal = (await world.tokens(account.account_id)).renewal
    await world.google.set(revoke_status=500)
    api = await world.auth.api()
    assert (await api.delete(f"/v1/accounts/{account.account_id}")).status_code == 204
    return account.account_id, renewal


async def owed(world: OAuthWorld) -> list[dict[str, Any]]:
    return [row async for row in world.app.db["revocations"].find({})]


async def come_due(world: OAuthWorld, **changed: Any) -> None:
    await world.app.db["revocations"].update_many({}, {"$set": {"next_at": now(), **changed}})


async def settled(world: OAuthWorld) -> list[Any]:
    """The records of what became of it, once nothing is owed."""
    async with asyncio.timeout(20):
        while await owed(world):
            await asyncio.sleep(0.05)  # the service looks for itself
    return [record["details"] for record in await world.audit("account.grant_settled")]


async def test_a_provider_that_is_away_stands_in_nobodys_way_and_is_asked_again(world: OAuthWorld) -> None:
    account_id, renewal = await disconnected(world)
    assert (await world.account(account_id)).box is None
    assert (await world.audit("account.disconnected"))[0]["details"]["grant"] == "failed"
    [row] = await owed(world)
    assert renewal.encode() not in encode(row)
    [kept] = [each async for each in MongoBoxes(world.app.db).left("another ring's key")]
    assert renewal.encode() in open_box(world.rings.ring(), kept.owner, kept.box), "a rotation finds it too"
    assert row["ends_at"] - now() <= timedelta(days=2)
    await world.google.heal()
    await world.google.reset_counts()
    await come_due(world)
    assert await settled(world) == [{"grant": "revoked", "tries": "2"}]
    assert (await world.google.counts())["revocations"] == 1
    assert await world.google.end_grants("ada@example.com") == 0, "the provider holds it still"


async def test_a_provider_that_never_answers_is_given_up_and_nothing_is_kept(world: OAuthWorld) -> None:
    await disconnected(world)
    await come_due(world)
    async with asyncio.timeout(20):
        while (await owed(world))[0]["tries"] != 2:
            await asyncio.sleep(0.05)
    assert await world.audit("account.grant_settled") == []
    await come_due(world, tries=len(PAUSES))
    assert await settled(world) == [{"grant": "failed", "tries": str(len(PAUSES) + 1)}]


async def test_a_mailbox_that_was_connected_again_keeps_its_grant(world: OAuthWorld) -> None:
    account_id, _ = await disconnected(world)
    await world.google.heal()
    again, new = await world.connect_google()
    assert (again.account_id, new) == (account_id, False)
    await world.google.reset_counts()
    await come_due(world)
    assert await settled(world) == []
    assert (await world.google.counts())["revocations"] == 0
    await world.age(account_id, timedelta(hours=1))
    token, _ = await world.lease(account_id)
    assert (await world.google.introspect(token))["active"]


async def test_a_grant_that_another_team_lives_on_is_left_to_it(world: OAuthWorld) -> None:
    ours, _ = await world.connect_google()
    theirs, _ = await world.connect_google("ada@example.com", replace(MEMBER, team_id="globex"))
    api = await world.auth.api()
    assert (await api.delete(f"/v1/accounts/{ours.account_id}")).status_code == 204
    assert (await world.google.counts())["revocations"] == 0
    assert "another account" in (await world.audit("account.disconnected"))[0]["details"]["grant"]
    await world.age(theirs.account_id, timedelta(hours=1))
    token, _ = await world.lease(theirs.account_id)
    assert (await world.google.introspect(token))["active"]
