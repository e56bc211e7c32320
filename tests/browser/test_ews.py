"""An Exchange mailbox on our pages in a real Chromium: suggested, refused, connected, reconnected, ended."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from services.auth import commands
from tests.browser.steps import account_of, heading, sentence
from tests.browser.world import PHONE, Team, World, shoot

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_exchange_mailbox_is_connected_reconnected_and_ended(world: World, team: Team) -> None:
    exchange = world.exchange
    page = await team.visit()
    await heading(page, "Available e-mail clients")
    await expect(page.get_by_text("Microsoft Exchange (EWS)")).to_have_count(0)
    await commands.allow_client(world.settings, team.name, "ews", True, lambda _: None)
    await page.reload()
    await page.get_by_role("link", name="Enter your login").click()

    # Suggested from the domain's records alone, and never against what was typed.
    address, server = page.get_by_label("E-mail address"), page.locator("#server")
    hint = page.locator("[data-suggestion]")
    await address.fill("grace@example.net")
    await address.blur()
    await expect(hint).to_contain_text("better connected as Microsoft 365")
    await address.fill("ada@example.org")
    await address.blur()
    await expect(server).to_have_value("owa.example.org")
    await expect(hint).to_contain_text("Your domain names owa.example.org")
    await shoot(page, "ews", "light", "dark")

    # Each wrong thing in a sentence of its own, at its field; nothing is left.
    await server.fill("outlook.office365.com")
    await address.fill("ada@example.com")
    await page.get_by_label("Password", exact=True).fill("lovelace-1815")
    await page.get_by_role("button", name="Try and connect").click()
    await expect(page.get_by_role("alert")).to_contain_text("Connect this mailbox as Microsoft 365 instead.")
    await expect(page.locator("#server")).to_have_attribute("aria-invalid", "true")
    await page.locator("#server").fill(exchange.url)
    await page.get_by_label("User name").fill("CORP\\ada")
    await page.get_by_label("Password", exact=True).fill("not-it")
    await page.get_by_role("button", name="Try and connect").click()
    await expect(page.get_by_role("alert")).to_contain_text("The EWS server refused the login.")
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.locator("#password")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#password")).to_have_value("")
    await shoot(page, "ews-refused")
    async with team.api() as api:
        assert (await api.get("/v1/accounts")).json()["items"] == []

    await page.get_by_label("Password", exact=True).fill("lovelace-1815")
    await page.get_by_role("button", name="Try and connect").click()
    await heading(page, "Your mailbox is connected")
    await sentence(page, "Its login works both ways.")
    await expect(page.locator(".verdicts li")).to_have_count(2)
    await shoot(page, "ews-connected", "light", "dark")
    account_id = account_of(page)
    account = await team.account(account_id)
    assert (account["client"], account["people"]) == ("ews", ["ada"])
    assert "ada" not in str(account["settings"])

    # Reconnecting shows the server and asks for the login again.
    await page.get_by_role("link", name="Reconnect").click()
    await expect(page.locator("#server")).to_have_value(f"localhost:{exchange.port}")
    await expect(page.locator("#username")).to_have_value("")
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await shoot(page, "ews-reconnect-phone")
    await page.get_by_label("Password", exact=True).fill("lovelace-1815")
    await page.get_by_role("button", name="Try and reconnect").click()
    await heading(page, "Your mailbox is connected")
    await page.get_by_role("link", name="Disconnect").click()
    await page.get_by_role("button", name="Disconnect").click()
    await sentence(page, "Nothing is sent or read.")


async def test_without_javascript_the_exchange_form_does_the_same(world: World, team: Team) -> None:
    await commands.allow_client(world.settings, team.name, "ews", True, lambda _: None)
    page = await team.visit(on=await team.page(java_script_enabled=False))
    await page.get_by_role("link", name="Enter your login").click()
    await page.get_by_label("E-mail address").fill("ada@example.org")
    await page.get_by_role("button", name="Find server").click()
    await expect(page.locator("#server")).to_have_value("owa.example.org")
    await page.get_by_label("E-mail address").fill("ada@example.com")
    await page.locator("#server").fill(f"localhost:{world.exchange.port}")
    await page.get_by_label("Password", exact=True).fill("lovelace-1815")
    await page.get_by_role("button", name="Try and connect").click()
    await heading(page, "Your mailbox is connected")
