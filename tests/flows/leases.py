"""Watches every write to the mailboxes' leases as MongoDB's change stream tells it: what L1 is judged by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from tests.flows.checker import LeaseWrite
from tests.flows.settling import databases
from tests.flows.world import World

LEASES = (("inbox_sync", "leases"), ("send", "mailboxes"))
"""By service and collection."""
_FIELDS = ("owner", "token", "until")


@asynccontextmanager
async def watched(world: World) -> AsyncIterator[list[LeaseWrite]]:
    """Every write from here on, by the order of the server; complete once the block has ended."""
    writes: list[LeaseWrite] = []
    async with databases(world) as dbs:
        ready = [asyncio.Event() for _ in LEASES]
        last = asyncio.Event()
        tasks = [
            asyncio.create_task(_watch(dbs[service][name], service, writes, begun, last))
            for (service, name), begun in zip(LEASES, ready, strict=True)
        ]
        try:
            for begun in ready:
                await begun.wait()
            yield writes
            last.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


async def _watch(
    collection: AsyncCollection[dict[str, Any]],
    service: str,
    writes: list[LeaseWrite],
    begun: asyncio.Event,
    last: asyncio.Event,
) -> None:
    """Until nothing more comes after `last`."""
    async with await collection.watch(max_await_time_ms=200) as changes:
        async for document in collection.find({}):  # what holds when the watching begins
            fields = {name: document[name] for name in _FIELDS if name in document}
            if document.get("owner") is not None:
                writes.append(LeaseWrite(f"{service} {document['_id']}", document["until"], fields))
        begun.set()
        while True:
            change = await changes.try_next()
            if change is not None:
                told = change.get("updateDescription", {}).get("updatedFields") or change.get("fullDocument") or {}
                fields = {name: told[name] for name in _FIELDS if name in told}
                if fields:
                    writes.append(LeaseWrite(f"{service} {change['documentKey']['_id']}", change["wallTime"], fields))
            elif last.is_set():
                return
