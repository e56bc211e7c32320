"""State and event cannot part: what was saved is announced, whoever dies in between."""

from __future__ import annotations

import httpx
import pytest

from services.auth.settings import Settings
from tests.services.auth.conftest import Auth
from tests.services.auth.processes import serving


@pytest.mark.parametrize("passes", ["auth.before_settle", "owed.before_publish"])
async def test_a_connection_saved_by_a_process_that_died_is_announced_all_the_same(
    auth: Auth, settings: Settings, passes: str
) -> None:
    key = await auth.key("globex")
    auth.app.stop()  # the one in this process must not sweep for the other
    async with (
        serving(settings, REPLYWIRE_FAILPOINTS=f"{passes}=kill") as served,
        httpx.AsyncClient(base_url=served.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as api,
    ):
        with pytest.raises(httpx.TransportError):
            await api.post("/v1/accounts", json=auth.mail.body())
        assert await served.died() == -9
    assert auth.events.empty()
    async with serving(settings):
        event = await auth.next_event()
    assert (event.team_id, event.address, event.revision) == ("globex", "ada@example.com", 1)
    assert auth.events.empty()
