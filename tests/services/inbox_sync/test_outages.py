"""nats-server and mongod dying under load: nothing is lost, nothing stops for good."""

from __future__ import annotations

import asyncio

from tests.servers.choice import RunningServer
from tests.servers.dovecot import Dovecot, mail
from tests.services.inbox_sync.conftest import REPLY, a_user, mailbox, reading
from tests.services.inbox_sync.world import World, a_world


async def test_a_killed_mongod_comes_back_to_a_service_that_goes_on(
    nats_url: str, own_mongod: RunningServer, dovecot: Dovecot
) -> None:
    user = a_user()
    async with a_world(nats_url, own_mongod.url, "inbox_sync") as world, world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        await under_load(world, dovecot, user, own_mongod)


async def test_a_killed_nats_server_comes_back_to_a_service_that_goes_on(
    own_nats: RunningServer, mongodb_url: str, mongodb_database: str, dovecot: Dovecot
) -> None:
    user = a_user()
    async with a_world(own_nats.url, mongodb_url, mongodb_database) as world, world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        await under_load(world, dovecot, user, own_nats)


async def under_load(world: World, dovecot: Dovecot, user: str, server: RunningServer) -> None:
    for number in range(1, 11):
        dovecot.deliver(user, mail(number, lines=(REPLY,)), mail(number + 100))
        await asyncio.sleep(0.05)
    server.kill()
    for number in range(11, 21):
        dovecot.deliver(user, mail(number, lines=(REPLY,)), mail(number + 100))
        await asyncio.sleep(0.05)
    await server.start()
    dovecot.deliver(user, mail(21, lines=(REPLY,)))
    wanted = {b"<%d@example.org>" % number for number in range(1, 22)}

    def announced() -> set[bytes]:
        return {name for event in world.matched(user) for name in wanted if name in (event.raw or b"")}

    # What this listener missed while the bus was down is published again: nobody has confirmed it.
    await world.until(lambda: announced() == wanted, seconds=60)
    assert await world.db["finds"].count_documents({}) == len(wanted)
