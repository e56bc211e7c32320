"""Sends and answers in flight while something is hurt: a product that publishes steadily, and people who answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from replywire_contracts.nats import PublishUnknown
from replywire_contracts.v1.send import SendFailed, SendSent, SendUnconfirmed

from tests.flows.checker import violations
from tests.flows.settling import announced, ended, seen
from tests.flows.world import World


async def insist(world: World, account: str, request_id: str, **changes: Any) -> None:
    """Publish until the bus has it: the same event again is harmless."""
    while True:
        try:
            await world.send(account, request_id, **changes)
            return
        except (PublishUnknown, nats.errors.Error):
            await asyncio.sleep(0.2)


@dataclass
class Load:
    """`mails` requests over the accounts (by address), evenly, a few dozen a second; every fifth mail is answered."""

    world: World
    accounts: dict[str, str]
    name: str
    mails: int = 60
    pause: float = 0.03
    changes: dict[str, Any] = field(default_factory=dict)
    published: asyncio.Event = field(default_factory=asyncio.Event)
    """A third of it is under way: the time to hurt somebody."""

    @property
    def requests(self) -> Sequence[str]:
        return [f"{self.name}-{number}" for number in range(self.mails)]

    def address_of(self, request_id: str) -> str:
        addresses = sorted(self.accounts)
        return addresses[int(request_id.rpartition("-")[2]) % len(addresses)]

    @property
    def answered(self) -> Collection[str]:
        return self.requests[::5]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer())
            for number, request_id in enumerate(self.requests):
                account = self.accounts[self.address_of(request_id)]
                tasks.create_task(insist(self.world, account, request_id, **self.changes))
                if number >= self.mails // 3:
                    self.published.set()
                await asyncio.sleep(self.pause)

    async def _answer(self) -> None:
        """As soon as a mail was sent; what ends otherwise is answered by nobody."""
        heard, waiting = self.world.heard, set(self.answered)
        async with heard.news:
            while waiting:
                for sent in [event for event in heard.of(SendSent) if event.request_id in waiting]:
                    waiting.discard(sent.request_id)
                    self.world.answer(sent, "Gladly.", address=self.address_of(sent.request_id))
                waiting -= {event.request_id for kind in (SendFailed, SendUnconfirmed) for event in heard.of(kind)}
                if waiting:
                    await heard.news.wait()


@asynccontextmanager
async def under_load(load: Load, timeout: float = 150) -> AsyncIterator[Load]:
    """The body runs when a third of the load is under way. At the end everything has ended and was announced, and the
    checker has found nothing."""
    running = asyncio.create_task(load.run())
    try:
        await load.published.wait()
        yield load
        await ended(load.world, load.requests, timeout)
        async with asyncio.timeout(timeout):
            await running
        await announced(load.world, load.requests, timeout)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await without_violations(load)


async def without_violations(load: Load, timeout: float = 30) -> None:
    """What a killed process still owed is told by the sweeper some seconds later; what was done twice stays so."""
    deadline = asyncio.get_running_loop().time() + timeout
    while found := violations(await seen(load.world, load.requests)):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError("\n".join(found))
        await asyncio.sleep(0.5)
