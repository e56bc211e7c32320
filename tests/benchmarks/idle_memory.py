"""Memory of idle accounts: 500 connected over TLS to Dovecot, and all four services with 50."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import psutil

from tests.benchmarks.table import Row
from tests.flows.world import World, a_world

ACCOUNTS = int(os.environ.get("REPLYWIRE_BENCH_ACCOUNTS", "500"))
FEW = 50


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="replywire-bench-") as folder:
        async with a_world(Path(folder), log_level="WARNING", ledger=False) as world:
            await _connect(world, 0, 5)  # what any first account brings: modules, the TLS context, the pools
            empty = _resident(world, "inbox_sync")
            await _connect(world, 5, FEW)
            together = sum(_resident(world, name) for name in world.running.stack.services)
            parts = ", ".join(f"{name} {_resident(world, name) / 2**20:.0f}" for name in world.running.stack.services)
            await _connect(world, FEW, ACCOUNTS)
            each = (_resident(world, "inbox_sync") - empty) / (ACCOUNTS - 5) / 1024
    return [
        Row(f"an idle account over TLS, of {ACCOUNTS}", each, "KB", target="80 KB", reached=each <= 80),
        Row(
            f"the four services with {FEW} accounts", together / 2**20, "MB", target="400 MB",
            reached=together < 400 * 2**20, note=parts,
        ),
    ]  # fmt: skip


async def _connect(world: World, first: int, last: int) -> None:
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            await world.connect(f"idle{number}@example.com")

    await asyncio.gather(*(one(number) for number in range(first, last)))
    async with world.running.api("inbox_sync") as api, asyncio.timeout(300):
        while True:
            states, cursor = [], None
            while True:
                page = (
                    await api.get("/v1/mailboxes", params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
                ).json()
                states += [mailbox["state"] for mailbox in page["items"]]
                cursor = page.get("next")
                if cursor is None:
                    break
            if len(states) == last and all(state == "watching" for state in states):
                return
            await asyncio.sleep(0.5)


def _resident(world: World, name: str) -> int:
    pid = world.running.service(name).process.pid
    return int(psutil.Process(pid).memory_info().rss)


if __name__ == "__main__":
    from tests.benchmarks.table import lines

    print("\n".join(lines(asyncio.run(run()))))
