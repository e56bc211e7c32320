"""The whole HTTP API as strangers meet it, through the front door, derived from its own document."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.front_door import document, table
from services.runtime.operations import scopes_of
from tests.flows.api_world import (
    BOB,
    DOCUMENT,
    OPERATIONS,
    ROOT,
    World,
    a_world,
    document_of,
    is_problem,
    requests,
    sent,
)
from tests.servers.stack import TEAM

pytestmark = pytest.mark.asyncio(loop_scope="module")

_EXAMPLES = 3
"""Of each route and kind; with the examples and the edges of every field about 3,000 requests."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("api")) as made:
        yield made


async def test_what_is_described_is_what_is_served(world: World) -> None:
    async with httpx.AsyncClient() as http:
        served = {
            service: (await http.get(f"{world.running.stack.url(service)}/openapi.json")).json()
            for service in table.SERVICES
        }
    assert json.loads(json.dumps(document.join(served))) == DOCUMENT, "run `make generate`"
    async with world.client() as api:
        assert (await api.get(table.DOCUMENT)).json() == DOCUMENT
        page = await api.get(table.REFERENCE)
        assert page.headers["content-type"].startswith("text/html")
        assert all(f"id={operation['operationId']}>" in page.text for *_, operation in OPERATIONS)


# -- one style of error ----------------------------------------------------------------------------------------------


async def test_every_route_refuses_in_the_one_shape(world: World) -> None:
    async with world.client() as api:
        scopes = ["audit:read"]
        made = (await api.post("/v1/api-keys", json={"scopes": scopes})).json()
        for operation, request in requests(world):
            if scopes_of(operation) is None:
                continue
            is_problem(await sent(api, request, Authorization=None), 401)
            is_problem(await sent(api, request, Authorization="Bearer rw_unknown_key"), 401)
            if not {*(scopes_of(operation) or ())} <= {*scopes}:
                is_problem(await sent(api, request, Authorization=f"Bearer {made['key']}"), 403)
            if "requestBody" in operation:
                is_problem(await sent(api, request, **{"Content-Type": "text/x-other"}), 415)
                is_problem(await sent(api, request, **{"Content-Encoding": "gzip"}), 415)
        for path in {path for path, *_ in OPERATIONS}:
            methods = {method.upper() for other, method, _ in OPERATIONS if other == path}
            answer = await api.request("PATCH", re.sub(r"\{[^}]+\}", "x", path))
            is_problem(answer, 405)
            assert set(answer.headers["allow"].split(", ")) == methods


async def test_what_is_nowhere_and_what_cannot_be_read_is_told_in_the_same_shape(world: World) -> None:
    async with world.client() as api:
        for path in (
            "/",
            "/v1",
            "/v1/nothing",
            "/v1/accounts/",
            "/metrics",
            "/openapi.json",
            "/v1/accounts/%2e%2e/%2e%2e/metrics",
        ):
            answer = await api.get(path)
            is_problem(answer, 404)
            assert table.REFERENCE in answer.json()["remedy"]
        as_json = {"Content-Type": "application/json"}
        for content in (b"{", b"[" * 100_000, b"\xff\xfe", b"nonsense"):
            answer = await api.post("/v1/accounts", content=content, headers=as_json)
            is_problem(answer, answer.status_code)
            assert answer.status_code in (400, 422)
        large = await api.post("/v1/accounts", content=b"x" * (41 * 2**20), headers=as_json)
        is_problem(large, 413)
        wrong = await api.post("/v1/accounts", json={"client": "smtp_imap", "secret": {"password": ["hunter2"]}})
        is_problem(wrong, 422)
        assert {one["field"] for one in wrong.json()["errors"]} == {"address", "secret.password"}
        assert "hunter2" not in wrong.text
        assert (await api.get("/v1/accounts", headers={"X-Request-Id": "mine-1"})).headers["x-request-id"] == "mine-1"


async def test_ids_of_the_callers_own_are_found_whatever_is_in_them(world: World) -> None:
    odd = "a/b?c=1&d#e%2F"
    request = {"request_id": odd, "account_id": world.ids["account_id"], "to": [{"email": "nobody"}]}
    async with world.client() as api:
        made = await api.post("/v1/messages", json=request)
        assert made.status_code == 201
        assert (await api.get(made.headers["location"])).json()["request_id"] == odd


# -- nothing twice ---------------------------------------------------------------------------------------------------


async def test_a_creation_sent_again_under_its_key_creates_nothing_more(world: World) -> None:
    async with world.client() as api:
        body, once = {"name": "once", "scopes": ["replies:read"]}, {"Idempotency-Key": '"once-1"'}
        first = await api.post("/v1/api-keys", json=body, headers=once)
        again = await api.post("/v1/api-keys", json=body, headers=once)
        assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        is_problem(await api.post("/v1/api-keys", json={**body, "name": "other"}, headers=once), 422)
        is_problem(await api.post("/v1/api-keys", json=body, headers={"Idempotency-Key": "a b"}), 400)
        burst = {"Idempotency-Key": "burst-1"}
        answers = await asyncio.gather(
            *(api.post("/v1/api-keys", json={**body, "name": "burst"}, headers=burst) for _ in range(8))
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len({answer.json()["key_id"] for answer in answers if answer.status_code == 201}) == 1
        named = {one["actor_name"] for one in (await api.get("/v1/audit")).json()["items"]}
        assert "this machine" in named, "who did it is told by name beside the id"
        names = [key["name"] for key in (await api.get("/v1/api-keys", params={"limit": 200})).json()["items"]]
        assert (names.count("once"), names.count("burst")) == (1, 1)
        refused = {"Idempotency-Key": "corrected-1"}
        is_problem(await api.post("/v1/api-keys", json={"scopes": ["nothing"]}, headers=refused), 422)
        assert (await api.post("/v1/api-keys", json=body, headers=refused)).status_code == 201


async def test_a_deleted_key_opens_nothing_anywhere_although_every_service_knew_it(world: World) -> None:
    lists = ("/v1/accounts", "/v1/messages", "/v1/mailboxes", "/v1/replies")
    scopes = ["accounts:read", "messages:read", "mailboxes:read", "replies:read"]
    async with world.client() as admin:
        made = (await admin.post("/v1/api-keys", json={"scopes": scopes})).json()
        async with world.client(made["key"]) as api:
            answers = [await api.get(path) for path in lists]
            assert [answer.status_code for answer in answers] == [200] * 4
            for answer in answers:
                assert "RateLimit-Policy" in answer.headers, answer.url
                assert re.search(r";r=\d+;t=\d+$", answer.headers["RateLimit"]), answer.url
            assert (await admin.delete(f"/v1/api-keys/{made['key_id']}")).status_code == 204
            async with asyncio.timeout(10):  # what is known of a key is known for 30 seconds otherwise
                while {(await api.get(path)).status_code for path in lists} != {401}:
                    await asyncio.sleep(0.05)


# -- another team ----------------------------------------------------------------------------------------------------


async def test_another_teams_key_reads_nothing_changes_nothing_and_learns_nothing(world: World) -> None:
    unknown = {
        "account_id": "acc_000000000000000000000000",
        "request_id": "public-0",
        "reply_id": "0" * 32,
        "key_id": "0" * 12,
    }
    theirs_alone = {*world.ids.values(), *world.external.values()}
    async with world.client() as own, world.foreign as foreign:
        before = await _everything(own)
        for path, method, operation in OPERATIONS:
            if method == "get" and "{" not in path:
                listed = (await foreign.get(path)).text
                assert not [value for value in theirs_alone if value in listed], operation["operationId"]
        tried = 0
        for (operation, theirs), (_, nobodys) in zip(requests(world), requests(world, unknown), strict=True):
            if not any(value in str(theirs.url) or value.encode() in theirs.content for value in theirs_alone):
                continue
            tried += 1
            if theirs.method == "GET":
                assert (await sent(own, theirs)).status_code == 200, f"{theirs.url} is no id of their own"
            one, other = await sent(foreign, theirs), await sent(foreign, nobodys)
            told = f"{operation['operationId']}: {one.text} / {other.text}"
            assert (one.status_code, _alike(one, theirs_alone)) == (
                other.status_code,
                _alike(other, {*unknown.values()}),
            ), told
            if one.status_code == 404:
                assert one.json()["code"] == "not_found", told
        assert tried >= len([path for path, *_ in OPERATIONS if "{" in path])
        assert await _everything(own) == before


async def _everything(api: httpx.AsyncClient) -> dict[str, Any]:
    """All that the team can read, but for what moves by itself."""
    told = {}
    for path, method, _ in OPERATIONS:
        if method == "get" and "{" not in path and path != "/v1/audit":
            told[path] = _still((await api.get(path, params={"limit": 200})).json())
    told["audit"] = [(one["action"], one["subject"]) for one in (await api.get("/v1/audit")).json()["items"]]
    return told


_MOVING = {"last_used_at", "synced_to", "rate_tokens", "progress", "holder"}


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _still(inner) for name, inner in value.items() if name not in _MOVING}
    return [_still(item) for item in value] if isinstance(value, list) else value


def _alike(answer: httpx.Response, ids: set[str]) -> str:
    """The answer without what names its own request, the ids asked for, and the time."""
    text = answer.text
    for value in sorted(ids, key=len, reverse=True):  # one may be a part of another
        text = text.replace(value, "<asked>")
    text = text.replace(answer.headers["x-request-id"], "<id>")
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b[0-9a-f]{24,}\b", "<made>", text)


async def test_an_external_address_is_only_a_claim_and_keeps_nobody_from_the_mailbox_itself(world: World) -> None:
    sandbox = world.running.sandbox
    mailbox = {"client": "smtp_imap", "address": BOB, "settings": sandbox.settings_for(BOB)}
    mailbox["secret"] = {"password": sandbox.users[BOB]}
    async with world.client() as own, world.foreign as foreign:
        claimed = await own.post("/v1/external/accounts", json={"address": BOB})
        assert claimed.status_code == 201, claimed.text
        theirs = await foreign.post("/v1/accounts", json=mailbox)
        assert theirs.status_code == 201, theirs.text
        assert theirs.json()["account_id"] != claimed.json()["account_id"]
        proved = await own.post("/v1/accounts", json=mailbox)  # and in one's own team it takes the claim's place
        assert (proved.status_code, proved.json()["account_id"]) == (200, claimed.json()["account_id"])
        assert (proved.json()["client"], proved.json()["state"]) == ("smtp_imap", "connected")
        for api, account in ((own, proved), (foreign, theirs)):
            assert (await api.delete(f"/v1/accounts/{account.json()['account_id']}")).status_code == 204


# -- everything else -------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
async def test_no_request_at_all_is_answered_otherwise_than_described(world: World, tmp_path: Path) -> None:
    """schemathesis: examples, the edges of every field, random requests good and bad, and chains along the links."""
    key = world.running.stack.secrets.api_keys[TEAM]
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    described = tmp_path / "v1.json"
    described.write_text(json.dumps(document_of(world)))
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", str(described), "--url", str(world.running.stack.api_url)),
        *("--header", f"Authorization: Bearer {key}", "--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-examples", str(_EXAMPLES), "--workers", "2"),
        *("--continue-on-failure", "--seed", "1", "--generation-database", "none", "--request-timeout", "30"),
        cwd=tmp_path,
        env={**os.environ, "REPLYWIRE_TEST_KEY_ID": key.split("_")[1], "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    printed = (await run.communicate())[0].decode()
    assert run.returncode == 0, printed
    assert f"Tested: {len(OPERATIONS)}" in printed, printed


CONFIG = """
hooks = "tests.flows.schemathesis_hooks"

[phases.coverage]
unexpected-methods = []  # every route's 405 is asked for above

[phases.stateful.generation]
max-examples = 30

# 400 and 422 beside what this check takes for accepted or for a matter of state (404, 409, ...): there are refusals
# that no schema can tell, of a cursor that is none of ours, a host that is no mail server, a time outside a window.
# They are held to more by the check `problems_are_the_promised_ones`: the code is one that the route names, and never
# the one that means "not as described".
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "422", "429", "5xx"]

# Disconnecting ends an account and keeps its record, which says so: what was sent from it refers to it.
[[operations]]
include-name = "GET /v1/accounts/{account_id}"
checks.use_after_free.enabled = false

# Its body is octets, and whatever this check thinks a wrong type of them arrives as octets.
[[operations]]
include-name = "POST /v1/external/raw"
checks.negative_data_rejection.enabled = false

# The run's own key is spared: the hooks ask for one that nobody has instead.
[[operations]]
include-path = ["/v1/api-keys/{key_id}", "/v1/api-keys/{key_id}/rotate"]
checks.ensure_resource_availability.enabled = false
"""
