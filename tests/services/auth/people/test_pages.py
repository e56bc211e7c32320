"""The pages over HTTP: guarded against forgery, framing and scripts, and whole without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.servers.dovecot import PASSWORD
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import RETURN_TO, Team

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- guarded -----------------------------------------------------------------------------------------------------------


async def test_no_page_can_be_framed_scripted_cached_or_leaked(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    account_id = await team.connected(browser)
    pages = ("/connect", "/connect/smtp_imap", "/mailboxes", f"/mailboxes/{account_id}",
             f"/mailboxes/{account_id}/disconnect", "/mailboxes/acc_none", "/settings")  # fmt: skip
    for path in pages:
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert rule in policy, path
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        inline = r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=)"
        assert not re.search(inline, answer.text), path


async def test_assets_name_their_content_and_may_be_kept(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    page = (await browser.get("/connect")).text
    found = re.findall(r'"(/connect/assets/[^"]+)"', page)
    assert len(found) == 3
    for path in found:
        answer = await browser.http.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await browser.http.get("/connect/assets/..%2Frendering.py")).status_code == 404


@pytest.mark.parametrize("forgery", ["no token", "another's token", "no origin", "another origin", "cross-site"])
async def test_a_forged_form_does_nothing(team: Team, forgery: str) -> None:
    browser = await team.visit()
    account_id = await team.connected(browser)
    other = await team.visit()
    await browser.get(f"/mailboxes/{account_id}/disconnect")
    token, headers = browser.token, {"Origin": browser.origin}
    match forgery:
        case "no token":
            token = ""
        case "another's token":
            token = other.token
        case "no origin":
            del headers["Origin"]
        case "another origin":
            headers["Origin"] = "https://evil.example.com"
        case _:
            headers["Sec-Fetch-Site"] = "cross-site"
    path = f"/mailboxes/{account_id}/disconnect"
    answer = await browser.http.post(path, data={"form_token": token}, headers=headers)
    assert answer.status_code == 403
    assert "cannot be trusted" in answer.text
    api = await team.api()
    assert (await api.get(f"/v1/accounts/{account_id}")).json()["state"] == "connected"


async def test_every_form_of_every_page_is_guarded(auth: Auth, team: Team) -> None:
    included: list[Any] = [getattr(one, "original_router", None) for one in auth.app.http.routes]
    routes = [route for router in included if router is not None for route in router.routes]
    pages = [route.path for route in routes if "POST" in route.methods and not route.path.startswith("/v1/")]
    assert len(pages) >= 10
    for purpose, role in (("connect", "member"), ("settings", "admin")):
        browser = await team.visit(purpose, role=role)
        for path in pages:
            answer = await browser.http.post(re.sub(r"\{\w+\}", "google", path), data={"form_token": "0"})
            assert answer.status_code == 403, path


async def test_an_oversized_form_is_refused(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    answer = await browser.post("/connect/smtp_imap", address="a" * 70_000)
    assert answer.status_code == 413


async def test_what_people_type_is_never_markup(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    evil = '"><script>alert(1)</script>'
    answer = await browser.post("/connect/smtp_imap", **team.fields(evil, imap_host=evil, display_name=evil))
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


# -- connecting --------------------------------------------------------------------------------------------------------


async def test_a_mailbox_is_connected_seen_and_led_back(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    assert "SMTP / IMAP server" in (await browser.get("/connect")).text
    account_id = await team.connected(browser)
    page = (await browser.get(f"/mailboxes/{account_id}?connected=1")).text
    assert "Your mailbox is connected" in page
    assert page.count("Works</span>") == 2
    back = f"https://app.example.com/mailboxes?tab=mail&amp;status=connected&amp;account_id={account_id}"
    assert f'href="{back}"' in page
    assert PASSWORD not in page
    api = await team.api()
    record = (await api.get("/v1/audit")).json()["items"][0]
    assert (record["action"], record["actor"]) == ("account.connected", "person:user-1")


async def test_without_javascript_servers_are_suggested_by_a_button(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    answer = await browser.post("/connect/smtp_imap/suggest", **team.fields("ada@fastmail.com", imap_host=""))
    assert answer.status_code == 200
    assert 'value="imap.fastmail.com"' in answer.text
    assert "app password" in answer.text
    assert PASSWORD not in answer.text


async def test_a_gmail_address_is_led_to_the_better_client(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    headers = {"Origin": browser.origin, "Accept": "application/json", "X-Form-Token": browser.token}
    answer = await browser.http.post("/connect/smtp_imap/suggest", data={"address": "ada@gmail.com"}, headers=headers)
    assert answer.json()["better"] == "Gmail"


async def test_what_the_team_does_not_offer_cannot_be_connected(auth: Auth, team: Team) -> None:
    api = await team.api()
    answer = await api.put("/v1/settings", json={"offered": []})
    assert answer.status_code == 200, answer.text
    browser = await team.visit()
    assert "Nothing is offered yet" in (await browser.get("/connect")).text
    assert (await browser.get("/connect/smtp_imap")).status_code == 404
    answer = await browser.post("/connect/smtp_imap", **team.fields())
    assert answer.status_code in (403, 422)
    await team.nothing_is_left()


async def test_the_way_back_tells_our_word_and_no_other(auth: Auth, team: Team) -> None:
    browser = await team.visit(return_to=f"{RETURN_TO}&status=forged&account_id=forged#here")
    account_id = await team.connected(browser)
    page = (await browser.get(f"/mailboxes/{account_id}")).text
    assert "forged" not in page
    assert f"?tab=mail&amp;status=connected&amp;account_id={account_id}#here" in page
