"""All mailboxes of one host lose their connections at once: they come back as few at a time as its gate lets in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.servers.scripted_imap import ScriptedImap
from tests.services.inbox_sync.conftest import a_user
from tests.services.inbox_sync.world import World

MAILBOXES = 30
AT_ONCE = 4


@dataclass(slots=True)
class Counting(ScriptedImap):
    """Lets somebody in only once as many are at the door as are ever allowed, or as are left to come."""

    at_the_door: int = 0
    most_at_the_door: int = 0
    logged_in: int = 0
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._moved:
            self.at_the_door += 1
            self.most_at_the_door = max(self.most_at_the_door, self.at_the_door)
            self._moved.notify_all()
        await ScriptedImap._serve(self, reader, writer)

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        is_login = b" LOGIN " in line or b" AUTHENTICATE " in line
        if is_login:
            async with self._moved:
                await self._moved.wait_for(lambda: self.at_the_door >= min(AT_ONCE, MAILBOXES - self.logged_in))
        goes_on = await ScriptedImap._answer(self, line, reader, writer)
        if is_login:
            async with self._moved:
                self.at_the_door -= 1
                self.logged_in += 1
                self._moved.notify_all()
        return goes_on

    async def until_all_are_in(self) -> None:
        async with asyncio.timeout(60), self._moved:
            await self._moved.wait_for(lambda: self.logged_in == MAILBOXES)


async def test_after_an_outage_a_host_sees_no_more_at_its_door_than_at_any_time(world: World) -> None:
    users = [a_user() for _ in range(MAILBOXES)]
    async with Counting().running() as host:
        assert isinstance(host, Counting)
        policy = {"allowed_networks": ("127.0.0.0/8", "::1/128"), "extra_ports": (host.port,)}
        async with world.replica(**policy, connections_at_once=AT_ONCE, connections_per_second=1000):
            for user in users:
                server = {"host": "localhost", "port": host.port, "security": "plain", "username": user}
                await world.connect(user, {"imap": server, "smtp": server}, {"imap_password": "x"})
            await host.until_all_are_in()
            assert host.most_at_the_door == AT_ONCE
            host.logged_in = 0
            host.hang_up()
            await host.until_all_are_in()
            assert host.most_at_the_door == AT_ONCE
            assert host.connections == MAILBOXES
