"""Sends per second through the whole path into smtp-sink: events in, durable writes, SMTP, events out.

Tells what each process spends per message, for that is what limits two cores shared by all of them.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import psutil
import uvloop
from replywire_contracts.v1.send import SendRequested, SendSent
from replywire_contracts.v1.values import Address, Body

from tests.benchmarks.table import Row
from tests.flows.world import World, a_world
from tests.servers.stack import TEAM

MAILS = int(os.environ.get("REPLYWIRE_BENCH_MAILS", "3000"))
LOOP = uvloop.new_event_loop
"""The product's: it takes a part of the two cores, like everything else here."""
_BODY = "Would you join us on Friday?\n" * 130  # 4 KB


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="replywire-bench-") as folder:
        async with a_world(Path(folder), log_level="WARNING", ledger=False) as world:
            one = await _rate(world, "one", 1, sent_copy=False)
            ten = await _rate(world, "ten", 10, sent_copy=False)
            copies = await _rate(world, "copies", 10, sent_copy=True)
    return [
        _row("sends, 1 account", one, ""),
        _row("sends, 10 accounts", ten, "300/s through the whole path"),
        _row("sends, 10 accounts, with Sent copies into Dovecot beside", copies, ""),
    ]


def _row(name: str, measured: tuple[float, str], target: str) -> Row:
    rate, parts = measured
    return Row(name, rate, "mails/s", target=target, reached=rate >= 300 if target else None, note=parts)


async def _rate(world: World, name: str, accounts: int, *, sent_copy: bool) -> tuple[float, str]:
    ids = [await world.connect(f"{name}{number}@example.com", sent_copy=sent_copy) for number in range(accounts)]
    wanted = {f"{name}-{number}" for number in range(MAILS)}
    requests = [
        SendRequested(
            team_id=TEAM,
            request_id=f"{name}-{number}",
            account_id=ids[number % accounts],
            to=(Address(email="grace@example.org", name="Grace Hopper"),),
            subject="Lunch on Friday?",
            text=Body(text=_BODY),
        )
        for number in range(MAILS)
    ]
    processes = _processes(world)
    async with world.product.subscribe(SendSent, team=TEAM, durable=f"bench-{name}") as events:
        before = {part: _cpu(process) for part, process in processes.items()}
        started = time.perf_counter()
        publishing = asyncio.create_task(_publish(world, requests))
        async for event in events:
            wanted.discard(event.request_id)
            if not wanted:
                break
        seconds = time.perf_counter() - started
        await publishing
    spent = {part: (_cpu(process) - before[part]) / MAILS * 1000 for part, process in processes.items()}
    parts = ", ".join(f"{part} {spent[part]:.2f}" for part in sorted(spent, key=lambda part: -spent[part]))
    return MAILS / seconds, f"CPU ms per mail: {parts}"


async def _publish(world: World, requests: list[SendRequested]) -> None:
    waiting = list(reversed(requests))

    async def publisher() -> None:
        while waiting:
            await world.product.publish(waiting.pop(), timeout=30)

    await asyncio.gather(*(publisher() for _ in range(50)))


def _processes(world: World) -> dict[str, psutil.Process]:
    stack = world.running.stack
    assert stack.nats is not None
    assert stack.mongod is not None
    pids = {name: service.process.pid for name, service in stack.services.items()}
    pids |= {"nats-server": stack.nats.process.pid, "mongod": stack.mongod.process.pid, "the product": os.getpid()}
    return {part: psutil.Process(pid) for part, pid in pids.items()}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    from tests.benchmarks.table import lines

    with asyncio.Runner(loop_factory=LOOP) as runner:
        print("\n".join(lines(runner.run(run()))))
