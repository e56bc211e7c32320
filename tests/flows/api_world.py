"""One team and another at the whole HTTP API, behind the front door; and a request of every route of its document."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.embedded.sandbox_mail.person import Person
from services.runtime.examples import NAMED
from services.runtime.operations import described
from services.runtime.problem_shape import Problem
from tests.servers.stack import TEAM, RunningStack, running

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "contracts/openapi/v1.json").read_text())
OPERATIONS = list(described(DOCUMENT))
ALICE, BOB = "alice@example.com", "bob@example.org"
FOREIGN, REQUEST, EXTERNAL = "globex", "public-1", "public-2"


@dataclass
class World:
    """One team with a mailbox, a mail that was answered, an External account; and another team."""

    running: RunningStack
    ids: dict[str, str]
    external: dict[str, str] = field(default_factory=dict)
    """What the same names stand for in the External client's routes."""

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        key = key or self.running.stack.secrets.api_keys[TEAM]
        url = self.running.stack.api_url
        assert url is not None
        return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    @property
    def foreign(self) -> httpx.AsyncClient:
        return self.client(self.running.stack.secrets.api_keys[FOREIGN])


@contextlib.asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    env = {
        "inbox_sync": {"REPLYWIRE_PLACEMENT_SECONDS": "0.3"},
        "auth": {"REPLYWIRE_OFFERED_CLIENTS": '["smtp_imap", "external"]'},
    }
    async with running(folder, front_door=True, env=env) as stack:
        await stack.new_key(FOREIGN)
        made = World(stack, {"account_id": await stack.connect_mailbox(ALICE)})
        async with asyncio.timeout(90), made.client() as api:
            await _answered(made, api)
            await _taken(made, api)
        yield made


async def _answered(world: World, api: httpx.AsyncClient) -> None:
    request = {"request_id": REQUEST, "account_id": world.ids["account_id"], "to": [{"email": BOB}], "subject": "Hello"}
    assert (await api.post("/v1/messages", json={**request, "text": {"text": "Hello"}})).status_code == 201
    message = await _until(api, f"/v1/messages/{REQUEST}", lambda told: told["state"] == "sent")
    bob = Person(world.running.sandbox, BOB)
    received = await asyncio.to_thread(bob.find, "INBOX", message["identities"]["message_ids"][0])
    assert received is not None
    await asyncio.to_thread(bob.answer, received, "Yes.")
    replies = await _until(api, "/v1/replies", lambda told: bool(told["items"]))
    world.ids |= {"request_id": REQUEST, "reply_id": replies["items"][0]["reply_id"]}
    world.ids["key_id"] = (await api.get("/v1/api-keys")).json()["items"][0]["key_id"]


async def _taken(world: World, api: httpx.AsyncClient) -> None:
    """The External client set up, an account of it, and a message that the team's code has taken."""
    take = {"max": 1, "wait_seconds": 20, "lease_seconds": 3600}
    await _done(api, "PUT", "/v1/external/setup", {"delivery": "http"})
    await _done(api, "POST", "/v1/external/setup/test", {"sender": "ada@example.com", "recipient": "ada@example.com"})
    proof = await _done(api, "POST", "/v1/external/messages/take", take)
    lease = {"lease": proof["lease"]}
    await _done(api, "POST", f"/v1/external/messages/{proof['messages'][0]['request_id']}/sent", lease)
    await _done(api, "PUT", "/v1/settings", {"offered": ["smtp_imap", "external"]})
    account = await _done(api, "POST", "/v1/external/accounts", {"address": "ada@example.com"})
    request = {"request_id": EXTERNAL, "account_id": account["account_id"], "to": [{"email": BOB}]}
    await _done(api, "POST", "/v1/messages", request)
    taken = await _done(api, "POST", "/v1/external/messages/take", take)
    assert [message["request_id"] for message in taken["messages"]] == [EXTERNAL]
    world.external = {"request_id": EXTERNAL, "account_id": account["account_id"], "lease": taken["lease"]}


async def _done(api: httpx.AsyncClient, method: str, path: str, body: dict[str, Any]) -> Any:
    answer = await api.request(method, path, json=body)
    assert answer.is_success, f"{method} {path}: {answer.text}"
    return answer.json()


async def _until(api: httpx.AsyncClient, path: str, holds: Any) -> Any:
    while not holds(told := (await api.get(path)).json()):
        await asyncio.sleep(0.1)
    return told


def requests(world: World, ids: dict[str, str] | None = None) -> Iterator[tuple[dict[str, Any], httpx.Request]]:
    """A request of every route, as its example has it, with ids that exist or with the given ones."""
    base = world.running.stack.api_url
    for path, method, operation in OPERATIONS:
        special = world.external if path.startswith("/v1/external") else {}
        known = {**world.ids, **special, **(ids or {})}
        address = re.sub(r"\{([^}]+)\}", lambda match, known=known: known[match[1]], path)  # type: ignore[misc]
        query = {
            one["name"]: known.get(one["name"], one["example"])
            for one in operation.get("parameters", ())
            if one["in"] == "query" and one.get("required")
        }
        content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
        more: dict[str, Any] = {}
        for media_type, shown in content.items():
            body = shown["example"]
            if isinstance(body, dict):
                body = json.dumps(_with(known, body))
            more = {"content": body.encode(), "headers": {"Content-Type": media_type}}
        yield operation, httpx.Request(method.upper(), f"{base}{address}", params=query, **more)


def document_of(world: World) -> dict[str, Any]:
    """The document with ids that exist in its examples, so that requests made of them do something; but for what ends
    the things they name."""
    paths = {}
    for path, item in DOCUMENT["paths"].items():
        known = {**world.ids, **(world.external if path.startswith("/v1/external") else {})}
        text = json.dumps({method: one for method, one in item.items() if method != "delete"})
        for name, value in known.items():
            text = text.replace(f'"{NAMED[name]}"', f'"{value}"') if name in NAMED else text
        made = json.loads(text.replace('"b0n4XnG5kq2Jm3vV1yTtAw3c"', json.dumps(world.external["lease"])))
        paths[path] = {method: made.get(method, one) for method, one in item.items()}
    connect = paths["/v1/accounts"]["post"]["requestBody"]["content"]["application/json"]["example"]
    sandbox = world.running.sandbox
    connect |= {
        "address": ALICE, "settings": sandbox.settings_for(ALICE), "secret": {"password": sandbox.users[ALICE]}
    }  # fmt: skip
    return {**DOCUMENT, "paths": paths}


def _with(known: dict[str, str], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: known.get(name) or _with(known, inner) for name, inner in value.items()}
    return [_with(known, item) for item in value] if isinstance(value, list) else value


def is_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert problem.status == status
    assert problem.detail
    assert problem.remedy
    assert problem.request_id == answer.headers["x-request-id"]
    assert problem.instance.endswith(problem.request_id)


async def sent(api: httpx.AsyncClient, request: httpx.Request, **headers: str | None) -> httpx.Response:
    own = {**api.headers, **request.headers, **{name.lower(): value for name, value in headers.items()}}
    shown = {name: value for name, value in own.items() if value is not None}
    return await api.send(httpx.Request(request.method, request.url, headers=shown, content=request.content))
