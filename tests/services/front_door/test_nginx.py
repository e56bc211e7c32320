"""What only the compose stack's front door has of its own: nginx's limits and errors, in the API's one shape."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest

from deploy.front_door import nginx as configuration
from services.runtime.problem_shape import Problem
from services.send.external_views import TakeIn
from tests.servers import nginx
from tests.services.front_door.rig import OK, Upstream, client_of, listening, posting

LIMIT = 40 * 2**20
CHUNKED = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@pytest.fixture
async def compose(upstream: Upstream, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """With a service behind `send`; the others are away."""
    async with (
        nginx.serving(tmp_path, {"send": upstream.port}) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        yield http


async def said_to(http: httpx.AsyncClient, sent: bytes) -> tuple[int, Problem]:
    """What a client is told that sends this and waits."""
    async with client_of(http, sent) as heard, asyncio.timeout(20):
        head = await heard.readuntil(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        headers = message_from_bytes(fields)
        body = await heard.readexactly(int(headers["content-length"]))
    assert headers["content-type"] == "application/problem+json", head
    problem = Problem.model_validate_json(body)
    assert headers["x-request-id"] == problem.request_id
    return int(line.split()[1]), problem


def whole(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = Problem.model_validate(answer.json())
    assert problem.status == answer.status_code
    assert problem.request_id == answer.headers["x-request-id"]
    assert problem.remedy
    return problem


async def test_each_path_leads_to_its_service_alone(tmp_path: Path) -> None:
    async with listening() as auth, listening() as send, listening() as sync, listening() as matching:
        behind = {"auth": auth, "send": send, "inbox_sync": sync, "reply_matching": matching}
        ports = {name: service.port for name, service in behind.items()}
        async with nginx.serving(tmp_path, ports) as url, httpx.AsyncClient(base_url=url) as http:
            for path, service in (
                ("/v1/accounts", "auth"), ("/v1/accounts/a", "auth"), ("/v1/external/accounts", "auth"),
                ("/v1/external/messages/take", "send"), ("/v1/external/raw", "inbox_sync"), ("/connect", "auth"),
                ("/v1/external/headers", "inbox_sync"), ("/v1/replies/r", "reply_matching"), ("/v1/messages", "send"),
            ):  # fmt: skip
                assert (await http.get(path)).status_code == 200
                heads = {name: [head.split()[1] for head in one.heads] for name, one in behind.items()}
                assert {name: asked for name, asked in heads.items() if asked} == {service: [path.encode()]}
                behind[service].heads.clear()


async def test_every_answer_has_one_request_id_that_nobody_can_forge(
    compose: httpx.AsyncClient, upstream: Upstream
) -> None:
    async def answers(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"x-request-id: of-the-service\r\n\r\nok")

    upstream.script = answers
    for path in ("/v1/messages", "/v1/accounts", "/nowhere", "/live", "/v1/openapi.json", "/v1/reference"):
        for given, kept in (("mine-1", True), ('forged" line', False), ("x" * 65, False)):
            answer = await compose.get(path, headers={"X-Request-Id": given})
            [told] = answer.headers.get_list("x-request-id")
            assert REQUEST_ID.fullmatch(told), path
            assert (told == given) == kept, path


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/v1/openapi.json", 405, "method_not_allowed"),
        ("GET", "/v1/accounts", 503, "unavailable"),
        ("GET", "/" + "x" * 60_000, 400, "invalid_request"),
    ],
)
async def test_its_own_errors_have_the_one_shape(
    compose: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await compose.request(method, path)
    assert (answer.status_code, whole(answer).code) == (status, code)
    assert (answer.headers.get("retry-after") is not None) == (status == 503)
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize(
    "line", [b"GET\r\n", b"GET  HTTP/1.1\r\n", b"\x16\x03\x01\x00\xa5\x01\r\n", b"GET / HTTP/9.9\r\n"]
)
async def test_what_is_no_request_at_all_is_told_so(compose: httpx.AsyncClient, line: bytes) -> None:
    told, problem = await said_to(compose, line + b"\r\n")
    assert (told, problem.status) == (505 if b"9.9" in line else 400, told)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Host: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Host: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n", 400),
        (b"Host: a\r\nContent-Length: -4\r\n", 400),
        (b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
        (b"Host: a\r\nX-Long: " + b"x" * 70_000 + b"\r\n", 400),
    ],
    ids=["two framings", "two lengths", "a length below nothing", "an unknown coding", "an endless header"],
)
async def test_a_request_that_two_servers_could_read_differently_reaches_no_service(
    compose: httpx.AsyncClient, upstream: Upstream, head: bytes, status: int
) -> None:
    sent = b"POST /v1/messages HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    told, problem = await said_to(compose, sent)
    assert (told, problem.status) == (status, status)
    assert not upstream.heads


async def test_a_body_above_the_limit_reaches_no_service_or_is_stopped_on_its_way(
    compose: httpx.AsyncClient, upstream: Upstream
) -> None:
    async def reads(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        while await reader.read(2**16):
            pass

    upstream.script = reads
    told, problem = await said_to(compose, posting(LIMIT + 1))
    assert (told, problem.code, upstream.heads) == (413, "too_large", [])
    piece = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
    told, problem = await said_to(compose, CHUNKED + piece * 41)
    assert (told, problem.code) == (413, "too_large")
    async with asyncio.timeout(20):
        await upstream.left.wait()


async def test_a_body_at_the_limit_passes_as_it_comes(compose: httpx.AsyncClient, upstream: Upstream) -> None:
    taken = 0

    async def reads(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        while taken < LIMIT:
            taken += len(await reader.read(2**20))
        writer.write(OK + b"\r\nok")

    upstream.script = reads
    async with asyncio.timeout(20):
        assert (await compose.post("/v1/messages", content=b"x" * LIMIT)).text == "ok"


def seconds(directive: str) -> float:
    [found] = re.findall(rf"{directive} (\d+)s;", configuration.render())
    return float(found)


async def test_a_long_poll_outlasts_its_wait_and_silence_beyond_it_ends_in_a_problem(
    upstream: Upstream, tmp_path: Path
) -> None:
    longest = max(limit.le for limit in TakeIn.model_fields["wait_seconds"].metadata if hasattr(limit, "le"))
    assert seconds("proxy_read_timeout") > longest + 30, "a poll that waits as long as it may would be cut off"

    async def says_nothing(_: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.read()

    async def says_late(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(OK + b"\r\nok")

    sooner = {"proxy_read_timeout 180s": "proxy_read_timeout 1s", "client_body_timeout 60s": "client_body_timeout 1s"}
    async with (
        nginx.serving(tmp_path, {"send": upstream.port}, sooner) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        upstream.script = says_late
        assert (await http.post("/v1/external/messages/take")).text == "ok"
        upstream.script = says_nothing
        silent = await http.post("/v1/external/messages/take")
        assert (silent.status_code, whole(silent).code, silent.headers["retry-after"]) == (504, "no_answer", "2")


async def test_a_service_that_breaks_off_is_told_as_unknown(compose: httpx.AsyncClient, upstream: Upstream) -> None:
    async def breaks(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        raise ConnectionError

    upstream.script = breaks
    answer = await compose.post("/v1/messages", json={})
    assert (answer.status_code, len(upstream.heads)) == (503, 1)
    assert "unknown" in whole(answer).remedy
