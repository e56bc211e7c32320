"""Bodies at the front door: how far it believes a client that announces one, and when a service hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.services.front_door.rig import LIMIT, LONG, OK, Upstream, client_of, door, posting


async def test_a_body_above_the_limit_is_stopped_on_its_way(http: httpx.AsyncClient, upstream: Upstream) -> None:
    async def reads(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    upstream.script = reads
    said = await http.post("/v1/messages", content=b"x" * (LIMIT + 1))
    assert (said.status_code, said.json()["code"], upstream.heads) == (413, "too_large", [])
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # the door may hang up before all is written
        unsaid = await http.post("/v1/messages", content=endless())
        assert unsaid.status_code == 413
    async with asyncio.timeout(20):
        await upstream.left.wait()


async def test_a_long_body_passes_as_it_comes(http: httpx.AsyncClient, upstream: Upstream) -> None:
    first = asyncio.Event()
    taken = b""

    async def reads(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        while not taken.endswith(b"0\r\n\r\n"):
            taken += await reader.read(1000)
            first.set()
        writer.write(OK + b"\r\nok")

    async def waiting() -> AsyncIterator[bytes]:
        yield LONG
        await first.wait()
        yield b"two"

    upstream.script = reads
    async with asyncio.timeout(20):
        assert (await http.post("/v1/messages", content=waiting())).text == "ok"
    assert taken.count(b"x") == len(LONG)
    assert b"two" in taken


async def test_clients_that_announce_a_body_and_send_none_hold_no_connection_to_a_service(upstream: Upstream) -> None:
    async with door(upstream.port, connections=2, connect_seconds=0.5) as http, contextlib.AsyncExitStack() as stack:
        for _ in range(6):
            await stack.enter_async_context(client_of(http, posting(LIMIT, b"x")))
        assert (await http.post("/v1/messages", json={})).status_code == 200


@pytest.mark.parametrize("of_it", [b"x", LONG], ids=["before a service is asked", "after it"])
async def test_a_client_that_stops_within_its_body_is_told_so_and_cut_off(upstream: Upstream, of_it: bytes) -> None:
    async def reads(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    upstream.script = reads
    async with door(upstream.port, body_seconds=0.3) as http, client_of(http, posting(LIMIT, of_it)) as heard:
        async with asyncio.timeout(20):
            said = await heard.read()  # to the end of the connection
            if upstream.heads:
                await upstream.left.wait()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "too_slow"
    assert len(upstream.heads) == (of_it == LONG)


async def test_one_client_cannot_hold_every_connection_to_the_services(upstream: Upstream) -> None:
    taking = asyncio.Semaphore(0)

    async def reads(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET"):
            return await upstream.plain(head, reader, writer)
        taking.release()
        await reader.read()
        return None

    upstream.script = reads
    async with (
        door(upstream.port, connections=3, connections_per_client=2, connect_seconds=0.5) as http,
        contextlib.AsyncExitStack() as stack,
        asyncio.timeout(20),
    ):
        slow = [await stack.enter_async_context(contextlib.AsyncExitStack()) for _ in range(2)]
        for one in slow:
            await one.enter_async_context(client_of(http, posting(LIMIT, LONG), "127.0.0.2"))
            await taking.acquire()
        get = b"GET /v1/messages HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        async with client_of(http, get, "127.0.0.2") as heard:
            said = await heard.read()
        assert said.startswith(b"HTTP/1.1 429 ")
        assert b"too_many_requests" in said
        assert (await http.get("/v1/messages")).status_code == 200
        await slow[0].aclose()
        await upstream.left.wait()
        async with client_of(http, get, "127.0.0.2") as heard:
            assert (await heard.read()).startswith(b"HTTP/1.1 200 "), "a place that is free again may be taken"


async def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(
    http: httpx.AsyncClient, upstream: Upstream
) -> None:
    both = posting(4).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n") + b"2\r\nok\r\n0\r\n\r\n"
    async with client_of(http, both) as heard, asyncio.timeout(20):
        head, _, body = (await heard.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["code"] == "invalid_request"
    assert not upstream.heads


@pytest.mark.parametrize(("begins", "asked"), [(b"x", 2), (LONG, 1)], ids=["kept whole", "passed by"])
async def test_a_body_is_sent_again_only_where_it_is_still_had(upstream: Upstream, begins: bytes, asked: int) -> None:
    begun = asyncio.Event()

    async def breaks(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(begins))
        begun.set()
        writer.transport.abort()
        raise ConnectionError

    async def body() -> AsyncIterator[bytes]:
        yield begins
        if begins == LONG:
            await begun.wait()
        yield b"end"

    upstream.script = breaks
    async with door(upstream.port) as http, asyncio.timeout(20):
        answer = await http.request("GET", "/v1/messages", content=body())
    assert (answer.status_code, answer.json()["code"], len(upstream.heads)) == (502, "broken_off", asked)
