"""The HTTP face of a running service: health, keys, problems, request ids."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, Response
from nats.aio.client import Client as NatsClient
from replywire_contracts.v1.rpc import KeyHolder, VerifyKey

from services.runtime import mongo, promises
from services.runtime.app import App
from services.runtime.health import NotReady
from services.runtime.http import Caller, HttpProblem, api_key
from services.runtime.outcomes import Malformed
from services.runtime.problem_codes import UNFIT, refusals
from services.runtime.rpc import Refusal, serve
from services.runtime.settings import RuntimeSettings
from tests.servers.choice import RunningServer
from tests.services.runtime.conftest import running

Settings = Callable[..., RuntimeSettings]
_QUOTA = 20
KEY = {"Authorization": "Bearer rw_good"}


@pytest.fixture
async def app(nc: NatsClient, settings: Settings) -> AsyncIterator[App]:
    app = App(settings("auth", http_max_body=100_000, http_rate_quota=_QUOTA, http_rate_window=3600))
    app.http.state.asked = app.http.state.made = 0

    @serve(app, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        app.http.state.asked += 1
        if request.key_hash != hashlib.sha256(b"rw_good").hexdigest():
            raise Refusal("unknown_key")
        return KeyHolder(key_id="k1", team_id="acme", scopes=("read",))

    @app.http.get("/mine")
    async def mine(caller: Annotated[Caller, Depends(api_key("read"))]) -> str:
        return caller.team_id

    @app.http.put("/mine")
    async def change(caller: Annotated[Caller, Depends(api_key("read"))], said: dict[str, str]) -> dict[str, str]:
        return said

    @app.http.post("/things", status_code=201)
    async def make(
        caller: Annotated[Caller, Depends(api_key("read"))], said: dict[str, str], response: Response
    ) -> dict[str, str]:
        app.http.state.made += 1
        if said["name"] == "bug":
            raise RuntimeError("a bug")
        response.headers["Location"] = f"/things/{app.http.state.made}"
        return {"number": str(app.http.state.made)}

    @app.http.post("/echo")
    async def echo(said: dict[str, str]) -> dict[str, str]:
        return said

    @app.http.get("/admin")
    async def admin(caller: Annotated[Caller, Depends(api_key("admin"))]) -> str:
        return caller.team_id

    @app.http.get("/fails/{how}", responses=refusals({409: {"conflict": "It exists"}, 422: {UNFIT: "No address"}}))
    async def fails(how: str, count: int = 1) -> None:
        match how:
            case "problem":
                raise HttpProblem(409, "conflict", "It exists.", existing="r-1")
            case "other code":
                raise HttpProblem(409, "clash", "It exists.")
            case "other status":
                raise HttpProblem(410, "gone", "It went.")
            case "malformed":
                raise Malformed("not an address", "to.0.email", "write user@host")
            case "outage":
                raise mongo.AutoReconnect("gone")
            case _:
                raise RuntimeError("password=hunter2")

    async with running(app):
        yield app


@pytest.fixture
async def http(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.server.port}", timeout=20) as client:
        yield client


async def test_a_running_service_is_live_ready_and_measured(http: httpx.AsyncClient) -> None:
    assert (await http.get("/live")).json() == {"status": "live"}
    assert (await http.get("/ready")).json() == {"status": "ready"}
    assert "replywire_requests_total" in (await http.get("/metrics")).text


async def test_its_metrics_tell_whether_it_is_ready(http: httpx.AsyncClient, app: App) -> None:
    assert 'replywire_ready{service="auth"} 1.0' in (await http.get("/metrics")).text

    async def look() -> None:
        raise NotReady("no key ring")

    app.check("key ring", look)
    assert 'replywire_ready{service="auth"} 0.0' in (await http.get("/metrics")).text


async def test_a_known_key_with_its_scope_opens_and_names_the_team(http: httpx.AsyncClient, app: App) -> None:
    for _ in range(5):
        assert (await http.get("/mine", headers=KEY)).json() == "acme"
    assert app.http.state.asked == 1


async def test_a_key_is_asked_about_anew_once_auth_hints_at_it(
    http: httpx.AsyncClient, app: App, nc: NatsClient
) -> None:
    await http.get("/mine", headers=KEY)
    await nc.publish("hint.v1.auth.key.another")
    await nc.publish("hint.v1.auth.key.k1")
    async with asyncio.timeout(10):  # known for 30 seconds otherwise
        while app.http.state.asked == 1:
            assert (await http.get("/mine", headers=KEY)).status_code in (200, 429)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer rw_bad"}, {"Authorization": "Basic rw_good"}, {"Authorization": "Bearer"}]
)
async def test_without_a_known_key_the_door_stays_shut(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await http.get("/mine", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_without_the_scope_is_told_which(http: httpx.AsyncClient) -> None:
    answer = await http.get("/admin", headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "admin" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/fails/problem", 409, "conflict"),
        ("/fails/malformed", 422, "invalid_value"),
        ("/fails/outage", 503, "unavailable"),
        ("/fails/bug", 500, "internal"),
        ("/fails/problem?count=many", 422, "invalid_request"),
        ("/nowhere", 404, "not_found"),
    ],
)
async def test_every_error_is_a_problem_document_with_its_requests_id(
    http: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await http.get(path, headers={"X-Request-Id": "from-the-caller"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "from-the-caller"
    problem = answer.json()
    assert (problem["code"], problem["status"], problem["request_id"]) == (code, status, "from-the-caller")
    assert problem["title"]
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("path", "told"), [("/fails/other code", ("409", "clash")), ("/fails/other status", ("410", "gone"))]
)
async def test_an_answer_that_the_document_does_not_describe_is_given_logged_and_counted(
    http: httpx.AsyncClient, path: str, told: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = await http.get("/fails/problem")
    assert promises.WORDS not in caplog.text
    answer = await http.get(path)
    counted = [sample.labels for metric in promises.UNPROMISED.collect() for sample in metric.samples]
    promises.UNPROMISED.clear()  # else it is held against every test of this process
    assert (str(answer.status_code), answer.json()["code"]) == told
    assert {"operation": "fails", "status": told[0], "code": told[1]} in counted
    assert promises.WORDS in caplog.text


async def test_a_request_id_that_could_forge_a_log_line_is_replaced(http: httpx.AsyncClient) -> None:
    given = 'x" level="critical'
    assert (await http.get("/live", headers={"X-Request-Id": given})).headers["x-request-id"] != given


async def test_a_body_above_the_limit_is_refused_with_the_limit(http: httpx.AsyncClient, app: App) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b'{"x": "' + b"x" * 1000

    answer = await http.post("/echo", content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (413, 413)
    assert "100000" in answer.json()["detail"]
    assert (await http.post("/echo", json={"x": "y"})).json() == {"x": "y"}


async def test_a_key_is_asked_for_before_anything_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.put("/mine", content=b"{", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401
    assert (await http.put("/mine", content=b"{", headers=KEY)).status_code == 415
    assert (await http.put("/mine", json={"a": "b"}, headers=KEY)).json() == {"a": "b"}


async def test_all_methods_of_a_path_are_told_whoever_asks(http: httpx.AsyncClient) -> None:
    answer = await http.post("/mine")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT")


async def test_a_key_that_asks_too_often_is_told_when_to_come_back(http: httpx.AsyncClient, app: App) -> None:
    answers = [await http.get("/mine", headers=KEY) for _ in range(_QUOTA + 1)]
    assert [answer.status_code for answer in answers] == [200] * _QUOTA + [429]
    assert answers[0].headers["ratelimit-policy"] == f'"auth";q={_QUOTA};w=3600'
    assert answers[0].headers["ratelimit"].startswith(f'"auth";r={_QUOTA - 1};')
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].json()["code"] == "too_many_requests"
    assert (await http.get("/live")).status_code == 200


async def test_a_creation_sent_twice_under_one_key_is_carried_out_once(http: httpx.AsyncClient, app: App) -> None:
    once = {**KEY, "Idempotency-Key": "a-1"}
    first, again = [await http.post("/things", json={"name": "x"}, headers=once) for _ in range(2)]
    assert (first.status_code, first.json(), again.json()) == (201, {"number": "1"}, {"number": "1"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == "/things/1"
    for _ in range(2):
        failed = await http.post("/things", json={"name": "bug"}, headers={**KEY, "Idempotency-Key": "a-2"})
        assert failed.status_code == 500
    assert app.http.state.made == 3


async def test_a_condition_of_the_service_itself_holds_readiness_back(http: httpx.AsyncClient, app: App) -> None:
    async def check() -> None:
        raise NotReady("the key ring is empty: set REPLYWIRE_KEY_RING")

    app.check("keys", check)
    answer = await http.get("/ready")
    assert (answer.status_code, answer.json()["problems"]) == (
        503,
        {"keys": "the key ring is empty: set REPLYWIRE_KEY_RING"},
    )


async def test_a_frozen_database_makes_readiness_fail_and_liveness_not(
    nc: NatsClient, own_mongod: RunningServer, settings: Settings
) -> None:
    app = App(settings("auth", mongodb_url=own_mongod.url))
    async with running(app), httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.server.port}", timeout=20) as http:
        own_mongod.freeze()
        ready, live = await asyncio.gather(http.get("/ready"), http.get("/live"))
        own_mongod.thaw()
        assert (ready.status_code, live.status_code) == (503, 200)
        assert list(ready.json()["problems"]) == ["mongodb"]


async def test_a_taken_port_is_an_error_with_its_name(app: App, settings: Settings) -> None:
    with pytest.raises(OSError, match="in use"):
        await App(settings("send", http_port=app.server.port)).run()
