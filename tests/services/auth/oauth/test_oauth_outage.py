"""A database that is away when the provider has answered costs no token: what it gave is kept as soon as it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.servers import mongod as mongod_server
from tests.services.auth.oauth.world import OAuthWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that may be hurt."""
    server = mongod_server.make(tmp_path_factory.mktemp("own-mongod"), fault_commands=True)
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop())


HURT = {
    "not written": {"mode": {"times": 4}, "data": {"failCommands": ["update"], "closeConnection": True}},
    "written, but unsure": {
        "mode": {"times": 2},
        "data": {"failCommands": ["update"], "writeConcernError": {"code": 64, "errmsg": "waiting timed out"}},
    },
}


@pytest.mark.parametrize("how", HURT)
async def test_what_the_provider_gave_is_kept_once_the_database_takes_it(how: str, world: OAuthWorld) -> None:
    account, _ = await world.connect_google()
    await world.age(account.account_id, timedelta(hours=1))
    await world.google.reset_counts()
    await world.app.client.admin.command({"configureFailPoint": "failCommand", **HURT[how]})
    token, revision = await world.lease(account.account_id)
    assert (await world.google.introspect(token))["active"]
    assert ((await world.google.counts())["token_requests"], revision) == (1, 2)
    assert (await world.tokens(account.account_id)).access_token == token
