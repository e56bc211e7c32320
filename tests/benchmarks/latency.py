"""From the moment the IMAP server says that something came to the moment a subscriber holds `reply.detected`.

The server's notification is timed where it passes: a relay in front of Dovecot notes when `EXISTS` goes through. What
Dovecot itself waits before it speaks (up to 500 ms) is not ours and is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendSent

from deploy.embedded.free_ports import free_port
from tests.benchmarks.table import Row
from tests.flows.world import World, a_world

ANSWERS = int(os.environ.get("REPLYWIRE_BENCH_ANSWERS", "200"))


@dataclass
class Relay:
    """Passes octets on both ways; `notified` holds the times at which the server announced mail."""

    target: int
    port: int = field(default_factory=free_port)
    notified: asyncio.Queue[float] = field(default_factory=asyncio.Queue)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_connection("127.0.0.1", self.target)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(self._pass(reader, to_server[1]), self._pass(to_server[0], writer, listen=True))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, listen: bool = False) -> None:
        while chunk := await reader.read(65536):
            if listen and b" EXISTS\r\n" in chunk and b"FETCH" not in chunk:
                self.notified.put_nowait(time.perf_counter())
            writer.write(chunk)
            await writer.drain()
        writer.close()


async def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="replywire-bench-") as folder:
        relay = Relay(0)
        async with a_world(Path(folder), log_level="WARNING", open_ports=(relay.port,)) as world:
            relay.target = world.dovecot.imap_port
            async with relay.running():
                delays = sorted(await _measure(world, relay))
    p50, p99 = delays[len(delays) // 2] * 1000, delays[int(len(delays) * 0.99)] * 1000
    note = f"{len(delays)} answers, one after the other; worst {delays[-1] * 1000:.0f} ms"
    return [
        Row("notification to reply.detected, p50", p50, "ms", target="50 ms", reached=p50 <= 50, note=note),
        Row("notification to reply.detected, p99", p99, "ms", target="250 ms", reached=p99 <= 250, note=note),
    ]


async def _measure(world: World, relay: Relay) -> list[float]:
    imap = {"host": "localhost", "port": relay.port, "security": "plain", "username": "ada@example.com"}
    smtp = {"host": "127.0.0.1", "port": world.sink.port, "security": "plain", "username": "ada@example.com"}
    account = await world.connect(smtp=smtp, imap=imap)
    await world.send(account, "latency")
    [sent] = await world.heard.wait(SendSent, request_id="latency")
    delays = []
    for number in range(ANSWERS + 5):
        while not relay.notified.empty():
            relay.notified.get_nowait()
        world.answer(sent)
        async with asyncio.timeout(30):
            notified = await relay.notified.get()
            await world.heard.wait(ReplyDetected, count=number + 1)
        if number >= 5:  # the first ones open connections and fill caches
            delays.append(time.perf_counter() - notified)
    return delays


if __name__ == "__main__":
    from tests.benchmarks.table import lines

    print("\n".join(lines(asyncio.run(run()))))
