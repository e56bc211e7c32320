"""Why a mailbox's mail waits can be read while it waits, in words for its person."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from tests.services.send.world import World


async def test_a_spent_rate_is_told_as_the_reason_with_the_time_it_ends(world: World) -> None:
    async with world.replica(per_minute=2):
        account = await world.connect()
        for number in range(4):
            await world.send(account, f"r-{number}")
        async with world.api() as api, asyncio.timeout(20):
            while not (
                (answer := await api.get(f"/v1/sending/mailboxes/{account}")).status_code == 200
                and (told := answer.json())["waits_for"]
            ):
                await asyncio.sleep(0.05)
            waiting = (await api.get("/v1/messages", params={"state": "queued"})).json()["items"]
    assert told["waits_for"]["reason"] == "rate_limited"
    assert told["waits_for"]["words"] == "2 messages a minute"
    assert told["waits_for"]["remedy"]
    assert datetime.fromisoformat(told["waits_until"]) > datetime.now(UTC)
    assert waiting
