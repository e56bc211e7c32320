"""The embedded front door between real clients and scripted services: what passes, what does not, and when."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from deploy.embedded.free_ports import free_port
from tests.services.front_door.rig import OK, Upstream, door


async def test_a_client_cannot_speak_for_the_door(either: httpx.AsyncClient, upstream: Upstream) -> None:
    forged = {
        "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6",
        "Connection": "close", "TE": "trailers", "Cookie": "session=1",
        "Proxy-Authorization": "Basic x", "X-Request-Id": 'forged" line',
    }  # fmt: skip
    answer = await either.get("/v1/messages", headers=forged)
    [head] = upstream.heads
    lines = head.decode().lower().split("\r\n")
    assert "x-forwarded-for: 127.0.0.1" in lines
    assert "x-forwarded-proto: http" in lines
    assert f"x-request-id: {answer.headers['x-request-id']}" in lines
    assert "cookie: session=1" in lines
    assert "6.6.6.6" not in head.decode()
    assert not [line for line in lines if line.startswith(("te:", "proxy-", "forwarded"))]
    assert "forged" not in head.decode()


async def test_what_a_client_names_as_meant_for_one_hop_goes_no_further(
    http: httpx.AsyncClient, upstream: Upstream
) -> None:
    await http.get("/v1/messages", headers={"Connection": "close, X-Secret", "X-Secret": "for one hop"})
    assert b"x-secret" not in upstream.heads[0].lower()


async def test_one_visitors_cookies_are_never_sent_for_another(either: httpx.AsyncClient, upstream: Upstream) -> None:
    async def sets(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"set-cookie: session=of-one\r\nset-cookie: other=2\r\nkeep-alive: timeout=5\r\n\r\nok")

    upstream.script = sets
    first = await either.get("/v1/messages")
    assert first.headers.get_list("set-cookie") == ["session=of-one", "other=2"]
    assert "keep-alive" not in first.headers
    either.cookies.clear()
    await either.get("/v1/messages")
    assert b"of-one" not in upstream.heads[-1]


@pytest.mark.parametrize("target", ["/v1/messages/a%2Fb%3f?x=%2e&y=", "/v1/messages/%2e%2e/messages/x"])
async def test_a_target_passes_as_it_was_sent(either: httpx.AsyncClient, upstream: Upstream, target: str) -> None:
    await either.get(target)
    assert upstream.heads[0].startswith(f"GET {target} HTTP/1.1".encode())


async def test_dots_in_a_target_lead_past_no_wall(either: httpx.AsyncClient, upstream: Upstream) -> None:
    await either.get("/v1/messages/%2e%2e/%2e%2e/metrics")
    assert not [head for head in upstream.heads if head.startswith(b"GET /metrics")]


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/ready", "/openapi.json", "/v1/messagesx", "/health/x", "/v1/accountsx"]
)
async def test_nothing_else_of_a_service_is_reached(either: httpx.AsyncClient, upstream: Upstream, path: str) -> None:
    answer = await either.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert not upstream.heads


async def test_each_services_health_is_told(either: httpx.AsyncClient, upstream: Upstream) -> None:
    assert (await either.get("/health/send")).status_code == 200
    assert upstream.heads[0].startswith(b"GET /ready ")
    assert (await either.get("/live")).json() == {"status": "live"}
    assert isinstance((await either.get("/v1/openapi.json")).json(), dict)
    assert (await either.post("/v1/openapi.json")).headers["allow"] == "GET, HEAD"


async def test_an_answer_passes_piece_by_piece(either: httpx.AsyncClient, upstream: Upstream) -> None:
    heard = asyncio.Event()

    async def streams(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await heard.wait()
        writer.write(b"0\r\n\r\n")

    upstream.script = streams
    async with asyncio.timeout(20), either.stream("GET", "/v1/messages") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"data: 1\n\n"  # the second is not even sent yet
        heard.set()
        assert [piece async for piece in pieces] == [b"data: 2\n\n"]


async def test_who_leaves_ends_the_request_in_the_service_too(either: httpx.AsyncClient, upstream: Upstream) -> None:
    asked = asyncio.Event()

    async def waits(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # ends when the door hangs up

    upstream.script = waits
    poll = asyncio.create_task(either.get("/v1/messages"))
    async with asyncio.timeout(20):
        await asked.wait()
        poll.cancel()
        await upstream.left.wait()


async def test_a_replica_that_is_away_is_passed_over(upstream: Upstream) -> None:
    async with door(free_port(), upstream.port) as http:
        for _ in range(4):
            assert (await http.post("/v1/messages", json={})).status_code == 200


async def test_a_service_that_is_away_is_told_with_when_to_come_back() -> None:
    async with door(free_port()) as http:
        answer = await http.get("/v1/messages", headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "2")
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == ("mine", "mine")


async def test_a_service_that_breaks_off_is_asked_again_only_for_what_changes_nothing(upstream: Upstream) -> None:
    async def breaks(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        raise ConnectionError

    upstream.script = breaks
    async with door(upstream.port) as http:
        answer = await http.post("/v1/messages")
        assert (answer.status_code, answer.json()["code"], len(upstream.heads)) == (502, "broken_off", 1)
        assert "Idempotency-Key" in answer.json()["remedy"]
        assert (await http.get("/v1/messages")).status_code == 502
        assert len(upstream.heads) == 3


async def test_silence_ends_in_a_problem_and_half_an_answer_in_a_cut(upstream: Upstream) -> None:
    async def says_nothing(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    async def half(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()
        await reader.read()

    async with door(upstream.port, silence=0.3) as http:
        upstream.script = says_nothing
        answer = await http.get("/v1/messages")
        assert (answer.status_code, json.loads(answer.text)["code"]) == (504, "no_answer")
        upstream.script = half
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/v1/messages")
