"""The keys of a team's own code on the settings page: made, shown once, replaced with an overlap, and last used."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from replywire_contracts.v1.rpc import ExternalSetup, ExternalSetupState, MissingStep

from services.runtime.bus import settled
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Team

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = re.compile(r'id="new-key">(rw_([A-Za-z0-9]+)_[A-Za-z0-9]+)<')


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def send(nats_server: object) -> AsyncIterator[None]:
    """As send answers while a test message is missing."""
    connection = await nats.connect(nats_server.url)  # type: ignore[attr-defined]
    state = ExternalSetupState(complete=False, missing=(MissingStep(code="test", words="Prove it."),), delivery="http")

    async def answer(message: Msg) -> None:
        await message.respond(state.encode())

    await connection.subscribe(ExternalSetup.SUBJECT, cb=answer)
    await settled(connection)
    yield
    await connection.close()


async def test_a_key_is_shown_once_and_replaced_while_the_old_one_goes_on_working(auth: Auth) -> None:
    team = Team(auth)
    admin = await team.visit("settings", role="admin")
    made = KEY.search((await admin.post("/settings/external/keys", name="mail worker")).text)
    assert made is not None
    page = (await admin.get("/settings/external")).text
    assert made[1] not in page, "it was shown that once"
    assert f"rw_{made[2]}_" in page
    assert "never used" in page
    replaced = await admin.post(f"/settings/external/keys/{made[2]}/rotate")
    successor = KEY.search(replaced.text)
    assert successor is not None
    assert successor[2] != made[2]
    assert "works until" in replaced.text
    for key in (made[1], successor[1]):
        async with auth.client(key) as api:
            told = await api.get("/v1/accounts")
        assert told.status_code == 403, "known, and may do nothing but its own work"
    assert "last used" in (await admin.get("/settings/external")).text
    again = await admin.post(f"/settings/external/keys/{made[2]}/rotate")
    assert (again.status_code, "already has a successor" in again.text) == (409, True)


async def test_nobody_is_shown_a_key_that_may_do_more_than_the_page_gives(auth: Auth) -> None:
    team = Team(auth)
    admin = await team.visit("settings", role="admin")
    api = await auth.api(team.name)
    stronger = (await api.post("/v1/api-keys", json={"scopes": ["external:work", "messages:write"]})).json()["key_id"]
    assert f"rw_{stronger}_" in (await admin.get("/settings/external")).text
    refused = await admin.post(f"/settings/external/keys/{stronger}/rotate")
    assert refused.status_code == 422
    assert KEY.search(refused.text) is None
    foreign = await Team(auth).visit("settings", role="admin")
    assert (await foreign.post(f"/settings/external/keys/{stronger}/rotate")).status_code == 404
