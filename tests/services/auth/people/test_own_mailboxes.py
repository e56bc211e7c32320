"""A person's own mailboxes on the pages: theirs alone, told live, and no secret left of what is ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from replywire_contracts.v1.rpc import ReportRejected

from tests.servers.dovecot import PASSWORD
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Browser, Team

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_one_visit_watches_twenty_pages_at_most_and_leaves_room_for_others(auth: Auth, team: Team) -> None:
    browser, other = await team.visit(), await team.visit(person="user-2")
    account_id, others = await team.connected(browser), await team.connected(other, "alan@example.com")
    path = f"/mailboxes/{account_id}/events"
    async with contextlib.AsyncExitStack() as watching:
        told = await asyncio.gather(*(watching.enter_async_context(watched(browser, path)) for _ in range(30)))
        assert sum(told) == 20
        refused = await browser.get(path)
        assert refused.status_code == 503
        assert "Load the page again" in refused.text
        assert await watching.enter_async_context(watched(other, f"/mailboxes/{others}/events"))
    async with asyncio.timeout(20):
        while not await watches(browser, path):
            await asyncio.sleep(0.1)  # the server hears a moment later that they have gone


@contextlib.asynccontextmanager
async def watched(browser: Browser, path: str) -> AsyncIterator[bool]:
    """Whether anything is told, for as long as it is watched."""
    async with browser.http.stream("GET", path) as events:
        told = told_of(events)  # kept: a reader that is let go of closes the stream
        yield events.status_code == 200 and await anext(told, None) is not None
        await told.aclose()


async def watches(browser: Browser, path: str) -> bool:
    async with watched(browser, path) as told:
        return told
