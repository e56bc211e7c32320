"""The team comes from the key alone: a foreign team's id answers exactly as one that does not exist."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from services.auth.domain.scopes import SCOPES
from tests.services.auth.conftest import Auth

OPEN = {"/live", "/ready", "/metrics"}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/accounts"): {"client": "smtp_imap", "address": "ada@example.com"},
    ("PUT", "/v1/accounts/{account_id}"): {"display_name": "Eve"},
    ("POST", "/v1/api-keys"): {"scopes": ["accounts:read"]},
}


def routes(auth: Auth) -> list[tuple[str, str]]:
    """Every route there is, as method and path."""
    found = [
        (method, route.path)
        for route in auth.app.http.routes
        if isinstance(route, APIRoute) and route.path not in OPEN
        for method in sorted(route.methods or ())
    ]
    assert len(found) >= 10
    return found


async def ask(api: httpx.AsyncClient, method: str, path: str, template: str) -> httpx.Response:
    return await api.request(method, path, json=BODIES.get((method, template)))


def filled(template: str, account_id: str, key_id: str) -> str:
    return template.replace("{account_id}", account_id).replace("{key_id}", key_id)


def told(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name not in ("request_id", "instance")}


async def test_a_foreign_id_answers_on_every_route_exactly_as_an_unknown_one(auth: Auth) -> None:
    acme, globex = await auth.api("acme"), await auth.api("globex")
    account_id = await auth.connect(acme)
    key_id = acme.headers["authorization"].split("_")[1]
    asked = 0
    for method, template in routes(auth):
        if "{" not in template:
            continue
        foreign = await ask(globex, method, filled(template, account_id, key_id), template)
        unknown = await ask(globex, method, filled(template, "acc_nobody", "nobody"), template)
        assert foreign.status_code == unknown.status_code == 404, (method, template, foreign.text)
        assert told(foreign) == told(unknown)
        asked += 1
    assert asked >= 5
    # And nothing of it had an effect: the account is as it was, the key still works.
    account = (await acme.get(f"/v1/accounts/{account_id}")).json()
    assert (account["state"], account["display_name"], account["revision"]) == ("connected", "", 1)


async def test_a_list_shows_the_team_s_own_alone(auth: Auth) -> None:
    acme, globex = await auth.api("acme"), await auth.api("globex")
    await auth.connect(acme)
    assert (await globex.get("/v1/accounts")).json()["items"] == []
    keys = (await globex.get("/v1/api-keys")).json()["items"]
    assert [key["key_id"] for key in keys] == [globex.headers["authorization"].split("_")[1]]
    assert {record["action"] for record in (await globex.get("/v1/audit")).json()["items"]} == {"api_key.created"}


async def test_no_route_answers_without_a_key_or_with_a_made_up_one(auth: Auth) -> None:
    for key in (None, "rw_nobody_nothing", "hunter2"):
        for method, template in routes(auth):
            answer = await ask(auth.client(key), method, filled(template, "acc_nobody", "nobody"), template)
            assert answer.status_code == 401, (method, template, key, answer.text)
            assert "www-authenticate" in answer.headers


async def test_every_route_asks_for_a_scope(auth: Auth) -> None:
    """A key that has all scopes but the one is refused, on each route."""
    for method, template in routes(auth):
        noun = "accounts" if "accounts" in template else "keys" if "api-keys" in template else "audit"
        needed = {"keys": "keys:manage", "audit": "audit:read"}.get(
            noun, "accounts:read" if method == "GET" else "accounts:write"
        )
        api = await auth.api("acme", *(scope for scope in SCOPES if scope != needed))
        answer = await ask(api, method, filled(template, "acc_nobody", "nobody"), template)
        assert answer.status_code == 403, (method, template, answer.text)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_nothing_else_is_open(auth: Auth, path: str) -> None:
    assert (await auth.client(None).get(path)).status_code == 404
