"""The pages over HTTP: guarded against forgery, framing and scripts, whole without JavaScript, and never telling a
secret or leaving half of a mailbox behind."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
import trustme
from replywire_contracts.v1.rpc import ReportRejected

from deploy.embedded.processes import free_port
from tests.servers.choice import RunningServer
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted_smtp import At, say
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import RETURN_TO, Team, auth_for_people

EXPIRED, CLOSED = free_port(), free_port()
"""Where a server has an old certificate, and where none is."""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(
    nats_server: RunningServer, mongodb_url: str, dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Auth]:
    folder, authority = tmp_path_factory.mktemp("pages"), trustme.CA()
    old = authority.issue_cert("localhost", not_after=datetime(2025, 1, 31, tzinfo=UTC))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.configure_cert(tls)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", EXPIRED, ssl=tls)
    trust = authority.cert_pem.bytes().decode()
    people = auth_for_people(
        nats_server.url, mongodb_url, dovecot, folder, more_ports=(EXPIRED, CLOSED), more_trust=trust
    )
    async with server, people as started:
        yield started


@pytest.fixture
def team(auth: Auth) -> Team:
    return Team(auth)


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


async def test_a_wrong_password_is_told_per_server_and_leaves_nothing(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    answer = await browser.post("/connect/smtp_imap", **team.fields(password="not-it", smtp_password=PASSWORD))
    assert answer.status_code == 422
    assert "The IMAP server refused the login." in answer.text
    works, failed = answer.text.index("Works</span>"), answer.text.index("Failed</span>")
    assert answer.text.index("Reading mail (IMAP)", failed) - failed < 200
    assert answer.text.index("Sending mail (SMTP)", works) - works < 200
    assert 'value="ada@example.com"' in answer.text  # what was typed is there again
    assert "not-it" not in answer.text
    assert PASSWORD not in answer.text
    await team.nothing_is_left()


@pytest.mark.parametrize(
    ("changed", "sentence", "remedy"),
    [
        ({"imap_host": "10.1.2.3", "imap_port": "993"}, "cannot be used as a mail server", "Check the host"),
        ({"imap_host": "nowhere.example.com", "imap_port": "993"}, "cannot be used as a mail server", "Check the host"),
        ({"smtp_host": "smtp.office365.com", "smtp_port": "587", "smtp_security": "starttls"},
         "better connected another way", "as Microsoft 365 instead"),
        ({"imap_port": str(EXPIRED)}, "The certificate of the IMAP server has expired.", "renew its certificate"),
        ({"imap_port": str(CLOSED)}, "The IMAP server does not answer.", "Check that the server is up"),
        ({"imap_port": "22"}, "cannot be used as a mail server", "Check the host"),
        ({"imap_port": "x"}, "The port of the IMAP server cannot be used.", "Correct"),
        ({"address": "ada"}, "not an e-mail address", "such as ada@example.com"),
    ],
)  # fmt: skip
async def test_bad_input_has_its_sentence_and_remedy(
    team: Team, changed: dict[str, str], sentence: str, remedy: str
) -> None:
    browser = await team.visit()
    answer = await browser.post("/connect/smtp_imap", **{**team.fields(), **changed})
    assert answer.status_code in (422, 503)
    alert = answer.text[answer.text.index('role="alert"') :]
    assert sentence in alert
    assert remedy in alert
    await team.nothing_is_left()


async def test_a_server_without_time_is_no_fault_of_the_password(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    auth.mail.smtp.on(At.CONNECT, say("421 4.3.2 come back later"))
    answer = await browser.post("/connect/smtp_imap", **team.fields())
    assert answer.status_code == 503
    assert "come back later" in answer.text
    await team.nothing_is_left()


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


# -- one's own mailboxes -----------------------------------------------------------------------------------------------


async def test_a_person_sees_their_own_mailboxes_alone(auth: Auth, team: Team) -> None:
    ada, grace = await team.visit(), await team.visit(person="user-2")
    account_id = await team.connected(ada)
    by_key = await auth.connect(await team.api(), "alan@example.com")
    assert "ada@example.com" in (await ada.get("/mailboxes")).text
    assert "ada@example.com" not in (await grace.get("/mailboxes")).text
    answers = [await grace.get(f"/mailboxes/{which}{rest}") for which in (account_id, by_key, "acc_none")
               for rest in ("", "/disconnect", "/reconnect", "/events")]  # fmt: skip
    assert {answer.status_code for answer in answers} == {404}
    for path in ("disconnect", "reconnect"):
        assert (await grace.post(f"/mailboxes/{account_id}/{path}")).status_code == 404
    foreign = await Team(auth).visit()
    assert (await foreign.get(f"/mailboxes/{account_id}")).status_code == 404


async def test_a_link_to_reconnect_opens_its_account_alone(auth: Auth, team: Team) -> None:
    api = await team.api()
    account_id, other = await auth.connect(api), await auth.connect(api, "alan@example.com")
    browser = await team.visit("reconnect", account_id=account_id)
    assert (await browser.get(f"/mailboxes/{account_id}")).status_code == 200
    assert (await browser.get(f"/mailboxes/{other}")).status_code == 404
    assert (await browser.get("/connect/smtp_imap")).status_code == 403
    form = await browser.get(f"/mailboxes/{account_id}/reconnect")
    assert str(auth.mail.dovecot.imaps_port) in form.text
    assert PASSWORD not in form.text
    answer = await browser.post(f"/mailboxes/{account_id}/reconnect", **team.fields("alan@example.com"))
    assert answer.status_code == 303, answer.text
    account = (await api.get(f"/v1/accounts/{account_id}")).json()
    assert (account["address"], account["revision"]) == ("ada@example.com", 2)


async def test_disconnecting_is_asked_for_twice_and_destroys_the_secret(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    account_id = await team.connected(browser)
    page = await browser.get(f"/mailboxes/{account_id}/disconnect")
    assert "Disconnect ada@example.com?" in page.text
    answer = await browser.post(f"/mailboxes/{account_id}/disconnect")
    assert answer.status_code == 303
    page = await browser.get(f"/mailboxes/{account_id}")
    assert "Disconnected" in page.text
    assert "status=disconnected" in page.text
    kept = await auth.app.db["accounts"].find_one({"_id": account_id})
    assert kept is not None
    assert "box" not in kept


async def test_a_mailbox_whose_reading_nobody_knows_is_shown_all_the_same(auth: Auth, team: Team) -> None:
    browser = await team.visit()  # no inbox_sync runs here
    account_id = await team.connected(browser)
    page = await browser.get(f"/mailboxes/{account_id}")
    assert page.status_code == 200
    assert "cannot be seen at present" in page.text


async def test_the_refused_mailbox_says_why_in_plain_words(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    account_id = await team.connected(browser)
    words = "535 5.7.8 <b>expired</b>"
    await auth.rpc.call(ReportRejected(account_id=account_id, revision=1, reason="refused_login", words=words))
    page = (await browser.get(f"/mailboxes/{account_id}")).text
    assert "Needs you" in page
    assert "The mail server refused the login." in page
    assert "&lt;b&gt;expired&lt;/b&gt;" in page


async def test_the_state_is_told_live_when_the_bus_tells_of_a_change(auth: Auth, team: Team) -> None:
    browser = await team.visit()
    account_id = await team.connected(browser)
    async with browser.http.stream("GET", f"/mailboxes/{account_id}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        told = told_of(events)
        assert '"title": "Connected"' in await anext(told)
        await auth.rpc.call(ReportRejected(account_id=account_id, revision=1, reason="refused_login"))
        assert '"title": "Needs you"' in await anext(told)


async def told_of(events: httpx.Response) -> Any:
    async for line in events.aiter_lines():
        if line.startswith("data: "):
            yield line


async def test_the_way_back_tells_our_word_and_no_other(auth: Auth, team: Team) -> None:
    browser = await team.visit(return_to=f"{RETURN_TO}&status=forged&account_id=forged#here")
    account_id = await team.connected(browser)
    page = (await browser.get(f"/mailboxes/{account_id}")).text
    assert "forged" not in page
    assert f"?tab=mail&amp;status=connected&amp;account_id={account_id}#here" in page
