"""A 20,000-message INBOX read, framed, parsed, judged and its cursor moved, against imapflow merely reading headers."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from replywire_contracts.v1.mailbox import MailboxSynced

from services.providers.types import JUDGED_FIELDS
from tests.benchmarks.header_scan import scan
from tests.benchmarks.peers import imapflow_scan
from tests.benchmarks.table import Row
from tests.flows.world import World, a_world
from tests.servers.dovecot import PASSWORD, mail
from tests.servers.stack import TEAM

MESSAGES = int(os.environ.get("REPLYWIRE_BENCH_MESSAGES", "20000"))
_USER = f"scan{MESSAGES}"


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="replywire-bench-") as folder:
        quiet = {"inbox_sync": {"REPLYWIRE_LOOK_BACK_DAYS": "36500"}}
        async with a_world(Path(folder), env=quiet, log_level="WARNING") as world:
            dovecot = world.dovecot
            dovecot.deliver(_USER, *(mail(number) for number in range(MESSAGES)))
            framing = await scan(dovecot, messages=MESSAGES)
            first = await imapflow_scan(dovecot.host, dovecot.imap_port, _USER, PASSWORD, JUDGED_FIELDS)
            whole = await _whole(world)
            again = await imapflow_scan(dovecot.host, dovecot.imap_port, _USER, PASSWORD, JUDGED_FIELDS)
    peer = max(first or 0, again or 0) or None
    return [
        Row("framing alone", framing.framed, "messages/s", "imapflow reads headers", peer),
        Row("framed into header sets", framing.header_sets, "messages/s", "imapflow reads headers", peer),
        Row(
            f"first sync of {MESSAGES:,}: framed, parsed, judged, cursor moved, in two processes",
            whole,
            "messages/s",
            "imapflow reads headers",
            peer,
            "1.5 times imapflow",
            None if peer is None else whole >= 1.5 * peer,
            "from the event that the mailbox is connected to the event that all is judged",
        ),
    ]


async def _whole(world: World) -> float:
    finished = asyncio.Event()
    times: dict[str, float] = {}

    async def listen() -> None:
        async with world.product.subscribe(MailboxSynced, team=TEAM, durable="bench", from_start=True) as events:
            async for event in events:
                times.setdefault("first", time.perf_counter())
                if event.complete and event.progress.done >= MESSAGES:
                    times["last"] = time.perf_counter()
                    finished.set()

    listener = asyncio.create_task(listen())
    account = {
        "smtp": {"host": "127.0.0.1", "port": world.sink.port, "security": "plain", "username": _USER},
        "imap": {"host": "localhost", "port": world.dovecot.imap_port, "security": "plain", "username": _USER},
    }
    started = time.perf_counter()
    await world.connect(f"{_USER}@example.com", **account)
    started = time.perf_counter()
    async with asyncio.timeout(300):
        await finished.wait()
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    return MESSAGES / (times["last"] - started)


if __name__ == "__main__":
    from tests.benchmarks.table import lines

    print("\n".join(lines(asyncio.run(run()))))
