"""A mailbox's page in a real Chromium while things go on behind it: a first sync, a spent quota, a team's own limit."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.steps import account_of, connect_own_servers, google_signs_in, heading, sentence
from tests.browser.world import Team, World, shoot
from tests.servers.dovecot import mail
from tests.servers.gmail import ALL
from tests.servers.gmail_smtp import QUOTA

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TOLD_EVERY = 2_100.0
"""Milliseconds after which a first sync's progress may be told again: no sooner, and with a page of messages."""


async def connect_gmail(team: Team, email: str) -> tuple[Page, str]:
    page = await team.visit()
    await page.get_by_role("button", name="Continue with Google").click()
    await google_signs_in(page, email)
    await heading(page, "Your mailbox is connected")
    return page, account_of(page)


async def send(team: Team, account_id: str, *request_ids: str) -> None:
    async with team.api("send") as api:
        for request_id in request_ids:
            asked = {
                "request_id": request_id, "account_id": account_id, "to": [{"email": "alice@example.com"}],
                "subject": "Lunch on Friday?", "text": {"text": "Would you join us?"},
            }  # fmt: skip
            (await api.post("/v1/messages", json=asked)).raise_for_status()


async def sending(team: Team, account_id: str) -> dict[str, Any]:
    async with team.api("send") as api:
        return dict((await api.get(f"/v1/sending/mailboxes/{account_id}")).raise_for_status().json())


async def test_a_first_sync_is_shown_while_it_is_under_way_and_when_the_page_is_loaded_again(
    world: World, team: Team
) -> None:
    address = "long@example.com"
    world.gmail.dovecot.deliver(address, *(mail(number) for number in range(1201)), folder=ALL)
    world.gmail.imap.pages[address] = 0
    page, _ = await connect_gmail(team, address)
    await expect(page.locator(".state")).to_have_text("Starting")
    await page.wait_for_timeout(_TOLD_EVERY)
    world.gmail.imap.pages[address] = 1
    looked_at = page.locator(".progress p")
    await expect(looked_at).to_have_text("500 of about 1,201 messages looked at")
    await expect(page.locator(".state")).to_have_text("First sync")
    await expect(page.get_by_role("progressbar", name="First sync")).to_have_attribute("value", "41")
    await shoot(page, "first-sync", "light", "dark")
    await page.reload()
    await expect(looked_at).to_have_text("500 of about 1,201 messages looked at")
    await page.wait_for_timeout(_TOLD_EVERY)
    world.gmail.imap.pages[address] = 1
    await expect(looked_at).to_have_text("1,000 of about 1,201 messages looked at")  # nobody loaded it
    del world.gmail.imap.pages[address]
    await sentence(page, "Everything works.")
    await expect(page.locator(".progress")).to_have_count(0)


async def test_a_spent_quota_is_told_live_with_until_when_and_in_whose_words(world: World, team: Team) -> None:
    page, account_id = await connect_gmail(team, "spent@example.com")
    await sentence(page, "Everything works.")
    world.gmail.smtp.says["DATA"].append(QUOTA)
    await send(team, account_id, f"{team.name}-spent")
    await expect(page.locator(".state")).to_have_text("Sending waits")
    error = page.locator(".facts > div", has_text="Last error")
    await expect(error).to_contain_text("The mail provider's sending limit for this mailbox is reached.")
    until = await page.locator(".facts > div", has_text="Sending").locator("time").get_attribute("datetime")
    assert until is not None
    told = await sending(team, account_id)
    assert datetime.fromisoformat(until) == datetime.fromisoformat(told["waits_until"]).replace(microsecond=0)
    await expect(page.locator(".quoted")).to_contain_text("Daily user sending limit exceeded")
    await expect(page.locator("[data-said]")).to_contain_text("Sending waits.")  # read out
    await shoot(page, "sending-waits", "light", "dark")
    await page.reload()
    await sentence(page, "Messages wait for the mail provider and then leave by themselves.")


async def test_a_teams_limit_slows_its_mailboxes_and_says_so(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await admin.locator("#smtp_imap > summary").click()
    await admin.locator("#smtp_imap-minute").fill("2")
    await admin.locator("#smtp_imap").get_by_role("button", name="Save the policy").click()
    await expect(admin.get_by_role("status").first).to_contain_text("The policy is saved")
    page = await team.visit()
    account_id = await connect_own_servers(world, page)
    await sentence(page, "Everything works.")
    requests, states = [f"{team.name}-{number}" for number in range(4)], [""]
    await send(team, account_id, *requests)
    async with team.api("send") as api, asyncio.timeout(30):
        while not (told := await sending(team, account_id))["waits_for"] or states.count("sent") < 2:
            states = [(await api.get(f"/v1/messages/{request_id}")).json()["state"] for request_id in requests]
    assert told["waits_for"]["reason"] == "rate_limited"
    assert told["waits_for"]["words"] == "2 messages a minute"
    assert states.count("sent") == 2
    await page.reload()
    await expect(page.locator(".facts")).to_contain_text("As many messages as may leave in a minute have left.")
    await expect(page.locator(".quoted")).to_contain_text("2 messages a minute")
    await expect(page.locator(".state")).to_have_text("Connected")
