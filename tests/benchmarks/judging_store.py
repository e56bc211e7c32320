"""Judging against 1,000,000 tracked messages: whole batches through the service, against one find per message."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from datetime import UTC, datetime

import nats
from replywire_contracts.v1.rpc import Judge, JudgedHeaders, Verdicts

from services.reply_matching.domain.keys import message_id_key
from services.runtime.mongo import Collection, open_client
from services.runtime.rpc import RpcClient
from tests.benchmarks.servers import bus_and_database
from tests.benchmarks.table import Row

TRACKED = int(os.environ.get("REPLYWIRE_BENCH_TRACKED", "1000000"))
BATCH, BATCHES, IN_FLIGHT = 500, 120, 4
TEAM, ACCOUNT = "bench", "acc_bench"


def own_id(number: int) -> str:
    return f"<{hashlib.blake2b(str(number).encode(), digest_size=10).hexdigest()}@example.com>"


async def run() -> list[Row]:
    async with bus_and_database() as (nats_url, mongodb_url):
        client = open_client(mongodb_url)
        tracked = client["replywire_reply_matching"]["tracked"]
        await _load(tracked)
        environment = os.environ | {
            "REPLYWIRE_NATS_URL": nats_url,
            "REPLYWIRE_MONGODB_URL": mongodb_url,
            "REPLYWIRE_HTTP_PORT": "0",
            "REPLYWIRE_LOG_LEVEL": "WARNING",
        }
        service = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.reply_matching", env=environment)
        asker = await nats.connect(nats_url)
        try:
            batches = [_batch(n) for n in range(BATCHES)]
            await RpcClient(asker).call(batches[0], timeout=60)
            ours, matches = await _ask(RpcClient(asker), batches)
            assert matches == BATCHES * BATCH // 100, (
                f"{matches} matches: every hundredth message answers a tracked one"
            )
            peer = await _find_each(tracked)
        finally:
            await asker.close()
            service.terminate()
            await service.wait()
            client.close()
    return [
        Row(
            f"judging against {TRACKED:,} tracked, whole question over the bus",
            ours,
            "messages/s",
            "one find per message, nothing else",
            peer,
            "one lookup per batch",
            ours > peer,
            f"batches of {BATCH}, 6 ids each, every hundredth a match",
        )
    ]


async def _load(tracked: Collection) -> None:
    now = datetime.now(UTC)
    for start in range(0, TRACKED, 10_000):
        await tracked.insert_many(
            [
                {
                    "_id": f"{TEAM}/r-{n}",
                    "team_id": TEAM,
                    "account_id": ACCOUNT,
                    "request_id": f"r-{n}",
                    "keys": [message_id_key(TEAM, own_id(n)), os.urandom(16), os.urandom(16)],
                    "message_ids": [own_id(n)],
                    "recipients": ["grace@example.org"],
                    "subject_key": "lunch on friday?",
                    "sent_at": now,
                    "correlation_id": "bench",
                    "metadata": {},
                }
                for n in range(start, min(start + 10_000, TRACKED))
            ],
            ordered=False,
        )


def _batch(number: int) -> Judge:
    when = int(time.time())
    messages = []
    for n in range(number * BATCH, (number + 1) * BATCH):
        parent = own_id(n) if n % 100 == 0 else f"<{os.urandom(8).hex()}@example.net>"
        references = " ".join(f"<{os.urandom(8).hex()}@example.net>" for _ in range(4))
        block = (
            f"Message-ID: <{os.urandom(8).hex()}@example.org>\r\nIn-Reply-To: {parent}\r\nReferences: {references}\r\n"
            "Subject: Quarterly figures and the plan for the autumn\r\nFrom: Grace Hopper <grace@example.org>\r\n"
            "To: Ada Lovelace <ada@example.com>\r\nDate: Mon, 2 Mar 2026 09:12:00 +0000\r\n"
            'Content-Type: multipart/alternative; boundary="0000000000008e2f"\r\n\r\n'
        )
        messages.append(JudgedHeaders.model_construct(ref=str(n), block=block, received_at=when, thread=None))
    return Judge.model_construct(
        team_id=TEAM, account_id=ACCOUNT, own_address="ada@example.com", messages=tuple(messages), inside=False
    )


async def _ask(rpc: RpcClient, batches: list[Judge]) -> tuple[float, int]:
    matches = 0
    waiting = list(batches)

    async def asker() -> None:
        nonlocal matches
        while waiting:
            answer: Verdicts = await rpc.call(waiting.pop(), timeout=60)
            matches += len(answer.verdicts)

    started = time.perf_counter()
    await asyncio.gather(*(asker() for _ in range(IN_FLIGHT)))
    return len(batches) * BATCH / (time.perf_counter() - started), matches


async def _find_each(tracked: Collection, messages: int = 3_000) -> float:
    started = time.perf_counter()
    for start in range(0, messages, 50):
        await asyncio.gather(
            *(
                tracked.find_one({"keys": {"$in": [os.urandom(16) for _ in range(6)]}}, {"_id": 1})
                for _ in range(start, start + 50)
            )
        )
    return messages / (time.perf_counter() - started)


if __name__ == "__main__":
    from tests.benchmarks.table import lines

    print("\n".join(lines(asyncio.run(run()))))
