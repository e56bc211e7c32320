"""A link opens our pages once, for one purpose and one person; any other leads to a page that says why not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import Response

from services.auth.adapters.key_ring_file import KeyRingFile
from services.auth.app import now
from services.auth.domain import links
from services.auth.domain.links import Purpose, Role
from services.auth.pages.rendering import Rendering
from services.auth.pages.visits import Visits
from tests.services.auth import processes
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import RETURN_TO, Team

pytestmark = pytest.mark.asyncio(loop_scope="module")
_RACES = 25


async def follow(url: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as stranger:
        return await stranger.get(url)


def refused_by_a_page(answer: httpx.Response, words: str) -> None:
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"].startswith("text/html")
    assert words in answer.text
    assert "ask for a new link" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_link_opens_a_visit_at_an_address_without_secrets(auth: Auth, team: Team) -> None:
    answer = await follow(await team.link())
    assert (answer.status_code, answer.headers["location"]) == (303, "/connect")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert answer.headers["cache-control"] == "no-store"
    kept = await auth.app.db["page_sessions"].find_one({})
    assert kept is not None
    assert cookie.split("=")[1].split(";")[0] not in str(kept)


async def test_over_tls_the_cookie_is_secure_and_of_this_host_alone() -> None:
    rendering = Rendering("https://mail.example.com")
    answer = Response()
    Visits(None, rendering, now).open(answer, "c")  # type: ignore[arg-type]
    assert answer.headers["set-cookie"].startswith("__Host-replywire=c;")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in rendering.headers["Strict-Transport-Security"]


async def test_a_link_works_once_even_for_many_at_once(auth: Auth, team: Team) -> None:
    url = await team.link()
    answers = await asyncio.gather(*(follow(url) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 9
    refused_by_a_page(await follow(url), "used already")


async def test_a_link_raced_at_two_replicas_lets_one_visitor_in_each_time(auth: Auth, team: Team) -> None:
    where = auth.settings.public_url
    async with contextlib.AsyncExitStack() as stack:
        other = await stack.enter_async_context(processes.serving(auth.settings, REPLYWIRE_PUBLIC_URL=where))
        doors = [where, other.url] * 3
        racers = [await stack.enter_async_context(httpx.AsyncClient(base_url=door, timeout=30)) for door in doors]
        for _ in range(_RACES):
            url = (await team.link()).removeprefix(where)
            for racer in racers:
                racer.cookies.clear()
            answers = await asyncio.gather(*(racer.get(url) for racer in racers))
            assert sorted(answer.status_code for answer in answers) == [303] + [410] * 5
            [cookie] = [racer.cookies["replywire"] for racer in racers if racer.cookies]
            for racer in racers[:2]:  # it is a visit at both replicas
                seen = await racer.get("/mailboxes", headers={"Cookie": f"replywire={cookie}"})
                assert seen.status_code == 200
        visits = await auth.app.db["page_sessions"].count_documents({"team_id": team.name})
        assert visits == _RACES


async def test_an_expired_link_says_so(auth: Auth, team: Team) -> None:
    ring = KeyRingFile(auth.settings.key_ring).ring()
    an_hour_ago = now() - timedelta(hours=1)
    old = links.make_link(Purpose.CONNECT, team.name, "user-1", Role.MEMBER, RETURN_TO, an_hour_ago)
    refused_by_a_page(await follow(f"{auth.settings.public_url}/connect?link={links.sign(ring, old)}"), "has expired")


async def test_an_altered_link_says_so(auth: Auth, team: Team) -> None:
    url = await team.link()
    body, _, signature = url.partition("link=")[2].partition(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["t"] = "another-team"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    base = url.partition("link=")[0]
    for text in (f"{forged}.{signature}", f"{body}.{signature[:-4]}AAAA", body, "x", "", "é"):
        refused_by_a_page(await follow(f"{base}link={text}"), "not one of ours")
    assert (await follow(url)).status_code == 303  # nobody spent it by guessing


@pytest.mark.parametrize("page", ["/settings", "/mailboxes"])
async def test_a_link_for_another_page_says_so_and_is_not_spent(team: Team, page: str) -> None:
    url = await team.link()
    elsewhere = url.replace("/connect?", f"{page}?")
    refused_by_a_page(await follow(elsewhere), "leads to another page")
    assert (await follow(url)).status_code == 303


async def test_a_visit_by_one_link_opens_no_other_page(auth: Auth, team: Team) -> None:
    member = await team.visit()
    assert (await member.get("/settings")).status_code == 403
    admin = await team.visit("settings", role="admin")
    for path in ("/connect", "/connect/smtp_imap", "/mailboxes"):
        assert (await admin.get(path)).status_code == 403


async def test_without_a_visit_every_page_says_that_it_ended(auth: Auth, team: Team) -> None:
    async with httpx.AsyncClient(base_url=auth.settings.public_url, cookies={"replywire": "guess"}) as stranger:
        for path in ("/connect", "/mailboxes", "/mailboxes/acc_1", "/settings", "/oauth/google/callback?code=x"):
            answer = await stranger.get(path)
            assert answer.status_code == 401
            assert "This visit has ended" in answer.text


async def test_only_an_admin_gets_a_link_to_the_settings(auth: Auth, team: Team) -> None:
    api = await team.api()
    body = {"purpose": "settings", "person": "user-1", "return_to": RETURN_TO}
    answer = await api.post("/v1/links", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "role")
    assert (await api.post("/v1/links", json=body | {"role": "admin"})).status_code == 201


async def test_a_link_to_reconnect_names_an_account_of_the_team(auth: Auth, team: Team) -> None:
    account_id = await auth.connect(await team.api())
    body = {"purpose": "reconnect", "person": "user-1", "return_to": RETURN_TO, "account_id": account_id}
    foreign = await (await Team(auth).api()).post("/v1/links", json=body)
    unknown = await (await Team(auth).api()).post("/v1/links", json=body | {"account_id": "acc_unknown"})
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"]
    answer = await follow(await team.link("reconnect", account_id=account_id))
    assert answer.headers["location"] == f"/mailboxes/{account_id}"


async def test_a_key_without_the_scope_makes_no_links(auth: Auth, team: Team) -> None:
    api = await auth.api(team.name, "accounts:read")
    answer = await api.post("/v1/links", json={"purpose": "connect", "person": "u", "return_to": RETURN_TO})
    assert answer.status_code == 403


@pytest.mark.parametrize("address", ["http://app.example.com/", "javascript:alert(1)", "https://a@example.com/", "//x"])
async def test_nobody_is_sent_back_to_a_dangerous_address(team: Team, address: str) -> None:
    api = await team.api()
    answer = await api.post("/v1/links", json={"purpose": "connect", "person": "u", "return_to": address})
    assert (answer.status_code, answer.json()["field"]) == (422, "return_to")


async def test_a_browser_that_looks_ahead_spends_nothing(auth: Auth, team: Team) -> None:
    url = await team.link()
    async with httpx.AsyncClient() as ahead:
        assert (await ahead.get(url, headers={"Sec-Purpose": "prefetch"})).status_code == 503
        assert (await ahead.head(url)).status_code == 405
    assert (await follow(url)).status_code == 303


async def test_a_link_leads_to_the_public_address_and_holds_for_its_time(auth: Auth, team: Team) -> None:
    url = await team.link(life_seconds=3600)
    assert url.startswith(f"{auth.settings.public_url}/connect?link=")
    text = urlsplit(url).query.removeprefix("link=")
    read = links.read(KeyRingFile(auth.settings.key_ring).ring(), text, Purpose.CONNECT, now())
    assert (read.team_id, read.person, read.role, read.return_to) == (team.name, "user-1", Role.MEMBER, RETURN_TO)
    assert timedelta(minutes=59) < read.expires_at - now() <= timedelta(hours=1)
