"""A service as a process: what SIGTERM leaves, and what its log gives away at DEBUG."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client as NatsClient
from replywire_contracts.streams import SEND_REQUESTS
from replywire_contracts.v1.values import Address, Body

from services.runtime.mongo import Database
from services.runtime.publisher import Publisher
from tests.services.runtime.events import send_requested

PLANTED = "PLANTED-7a1e"


@contextlib.asynccontextmanager
async def service(nats_url: str, mongodb_url: str, database: str, **more: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.services.runtime.small_service",
        env={
            **os.environ,
            "REPLYWIRE_NATS_URL": nats_url,
            "REPLYWIRE_MONGODB_URL": mongodb_url,
            "REPLYWIRE_MONGODB_DATABASE": database,
            "REPLYWIRE_LOG_LEVEL": "DEBUG",
            **more,
        },
        stderr=PIPE,
        limit=2**20,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def state(db: Database, request_id: str) -> str | None:
    document = await db["drafts"].find_one({"_id": request_id})
    return None if document is None else document["state"]


async def until_begun(db: Database, request_id: str) -> None:
    async with asyncio.timeout(30):
        while await state(db, request_id) is None:
            await asyncio.sleep(0.02)


async def test_sigterm_finishes_what_is_in_flight_and_ends_well(
    nc: NatsClient, db: Database, nats_url: str, mongodb_url: str
) -> None:
    await Publisher(nc.jetstream()).publish(send_requested("slow"))
    async with service(nats_url, mongodb_url, db.name) as process:
        await until_begun(db, "slow")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.communicate()
        assert process.returncode == 0
    assert await state(db, "slow") == "done"
    assert await db["drafts"].count_documents({"_id": {"$in": ["stopping", "stopped"]}}) == 2
    assert (await nc.jetstream().stream_info(SEND_REQUESTS.name)).state.messages == 0


async def test_a_killed_process_leaves_its_message_to_another(
    nc: NatsClient, db: Database, nats_url: str, mongodb_url: str
) -> None:
    await Publisher(nc.jetstream()).publish(send_requested("slow"))
    async with service(nats_url, mongodb_url, db.name) as process:
        await until_begun(db, "slow")
        process.kill()
        await process.wait()
    info = await nc.jetstream().consumer_info(SEND_REQUESTS.name, "send-requested")
    assert info.num_ack_pending == 1


@pytest.mark.parametrize("request_id", ["good", "bad"])
async def test_no_body_address_or_token_is_logged_even_at_debug(
    nc: NatsClient, db: Database, nats_url: str, mongodb_url: str, request_id: str
) -> None:
    event = send_requested(
        request_id,
        to=(Address(email=f"{PLANTED}@example.org", name=PLANTED),),
        subject=f"{PLANTED} {PLANTED}",
        text=Body(text=f"{PLANTED} " * 200),
        headers={"X-Note": PLANTED},
        metadata={"crm": PLANTED},
    )
    await Publisher(nc.jetstream()).publish(event)
    async with service(nats_url, mongodb_url, db.name) as process:
        await until_begun(db, request_id)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            _, log = await process.communicate()
    lines = [json.loads(line) for line in log.decode().splitlines()]
    handling = next(line for line in lines if line["event"] == "handling")
    assert handling["request_id"] == request_id
    assert handling["service"] == "send"
    assert any(line["logger"] == "some.library" for line in lines)
    assert PLANTED not in log.decode()
    if request_id == "bad":
        assert any("ValidationError" in line.get("error", "") for line in lines)
