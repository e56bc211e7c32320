"""Everything on our pages is done by keyboard alone, by people and by admins; no test here ever points or clicks."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from services.auth import commands
from tests.browser.keyboard import focused, press, tab_to, walk, write
from tests.browser.steps import account_of, external_worked, heading, sentence
from tests.browser.world import RETURN_TO, Team, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def leave(page: Page) -> None:
    """Back to the product, by the link at the top."""
    await page.route("https://app.example.com/**", lambda route: route.fulfill(body="Yours again"))
    await tab_to(page, "Back to app.example.com", back=True)
    async with page.expect_navigation(url="https://app.example.com/mailboxes?**"):
        await page.keyboard.press("Enter")
    assert page.url.startswith(RETURN_TO)


async def choose(page: Page, action: str) -> None:
    """Past the page's head by the skip link, to a client's way in."""
    await press(page, "Skip to the content")
    await expect(page.locator("main")).to_be_focused()
    await press(page, action)


async def microsoft_signs_in(page: Page, upn: str) -> None:
    await expect(page.locator("[name=upn]")).to_be_visible()
    await write(page, "upn", upn)
    await press(page, "Next")
    await expect(page.get_by_role("button", name="Accept")).to_be_visible()
    await press(page, "Accept")


async def google_signs_in(page: Page, email: str) -> None:
    await expect(page.locator("[name=email]")).to_be_visible()
    await write(page, "email", email)
    await press(page, "Next")
    await google_is_allowed(page)


async def google_is_allowed(page: Page) -> None:
    await expect(page.get_by_role("button", name="Continue", exact=True)).to_be_visible()
    await press(page, "Continue")


async def test_gmail_is_connected_reconnected_and_left(world: World, team: Team) -> None:
    page = await team.visit()
    await choose(page, "Continue with Google")
    await google_signs_in(page, "keys@example.com")
    await focused(page, "Your mailbox is connected")
    account_id = account_of(page)
    await press(page, "Reconnect", "Space")
    await google_is_allowed(page)  # who is signed in there already
    await focused(page, "Your mailbox is connected")
    assert account_of(page) == account_id
    await leave(page)
    assert page.url.endswith(f"&status=connected&account_id={account_id}")


async def test_microsoft_365_is_connected_and_disconnected(world: World, team: Team) -> None:
    world.entra.directory.tenant("keys.example.com")
    world.entra.directory.person("ada@keys.example.com", mail="ada@keys.example.com")
    page = await team.visit()
    await choose(page, "Continue with Microsoft")
    await microsoft_signs_in(page, "ada@keys.example.com")
    await focused(page, "Your mailbox is connected")
    account_id = account_of(page)
    await press(page, "Disconnect")
    await focused(page, "Disconnect ada@keys.example.com?")
    await press(page, "Keep it")
    await page.wait_for_url(f"**/mailboxes/{account_id}")
    assert (await team.account(account_id))["state"] == "connected"
    await press(page, "Disconnect")
    await focused(page, "Disconnect ada@keys.example.com?")
    await press(page, "Disconnect", "Space")
    await focused(page, "ada@keys.example.com")
    await sentence(page, "Nothing is sent or read.")
    assert (await team.account(account_id))["state"] == "disconnected"


async def test_an_exchange_mailbox_is_refused_connected_and_reconnected(world: World, team: Team) -> None:
    await commands.allow_client(world.settings, team.name, "ews", True, lambda _: None)
    page = await team.visit()
    await walk(page)
    await choose(page, "Enter your login")
    await heading(page, "Connect your Exchange mailbox")
    await walk(page)
    await write(page, "address", "ada@example.com")
    await write(page, "server", world.exchange.url)
    await write(page, "password", "not-it")
    await page.keyboard.press("Enter")
    await focused(page, "The EWS server refused the login.")
    await write(page, "password", "lovelace-1815")
    await press(page, "Try and connect", "Space")
    await focused(page, "Your mailbox is connected")
    await walk(page)
    await press(page, "Reconnect")
    await heading(page, "Reconnect your mailbox")
    await walk(page)
    await write(page, "password", "lovelace-1815")
    await press(page, "Try and reconnect")
    await focused(page, "Your mailbox is connected")


async def test_a_mail_server_is_connected(world: World, team: Team) -> None:
    page = await team.visit()
    await choose(page, "Enter your servers")
    await heading(page, "Connect your mail server")
    await walk(page)
    ports = world.sandbox.ports
    await write(page, "address", "alice@example.com")
    await write(page, "password", world.sandbox.users["alice@example.com"])
    await expect(page.locator("#imap_host")).to_have_value("imap.example.com")  # looked up as the address was left
    await write(page, "imap_host", "localhost")
    await write(page, "imap_port", str(ports["imap"]))
    await write(page, "smtp_host", "localhost")
    await write(page, "smtp_port", str(ports["submission"]))
    await press(page, "smtp_security", "ArrowDown")
    await expect(page.locator("#smtp_security")).to_have_value("starttls")
    await press(page, "Try and connect")
    await focused(page, "Your mailbox is connected")


async def test_an_admin_offers_limits_and_asks_for_consent(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await heading(admin, "E-mail settings")
    await walk(admin)
    for ticked in (False, True):
        await press(admin, "Gmail", "Space")
        await press(admin, "Save")
        await focused(admin, "What your team offers is saved.")
        await expect(admin.get_by_label("Gmail", exact=True)).to_be_checked(checked=ticked)
    await press(admin, "Require admin consent", "Space")
    await press(admin, "Save", "Space")
    await focused(admin, "What your team offers is saved.")
    assert (await team.settings())["microsoft_consent_required"]
    await tab_to(admin, "SMTP / IMAP server")  # its tick; its policy is further down
    await press(admin, "SMTP / IMAP server")
    await write(admin, "sends_per_minute", "20")
    await write(admin, "folders", "Sales")
    await admin.keyboard.press("Enter")
    await admin.keyboard.type("Support")
    await press(admin, "sent_copy", "Space")
    await press(admin, "Save the policy")
    await focused(admin, "The policy is saved.")
    told = (await team.settings())["policies"]["smtp_imap"]
    assert told == {"folders": ["Sales", "Support"], "sends_per_minute": 20, "sent_copy": False}
    await leave(admin)


async def test_an_admin_sets_external_up_and_a_person_follows_its_instructions(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await press(admin, "Set it up")
    await heading(admin, "Set up the External e-mail client")
    await write(admin, "Name of the key (optional)", "mail worker")
    await press(admin, "Create a key")
    await focused(admin, "Copy this key now")
    await press(admin, "Replace mail worker", "Space")
    await focused(admin, "Copy this key now")
    key = await admin.locator("#new-key").text_content()
    assert key is not None
    await tab_to(admin, "delivery")
    await admin.keyboard.press("ArrowDown")
    await admin.keyboard.press("ArrowUp")
    await expect(admin.get_by_label("Over HTTP")).to_be_checked()
    await press(admin, "Save")
    await focused(admin, "How messages are handed over")
    await write(admin, "From", "ada@example.com")
    await write(admin, "To", "boss@example.com")
    await press(admin, "Start the test")
    await focused(admin, "A test message")
    await walk(admin)
    await external_worked(world, key.strip())
    await press(admin, "Look again")
    await heading(admin, "The set-up is complete")
    await press(admin, "E-mail settings", back=True)
    await heading(admin, "Available e-mail clients")
    await tab_to(admin, "offer-external")  # disabled until now
    await expect(admin.get_by_label("External e-mail client")).to_be_checked()  # as this deployment offers it

    page = await team.visit()
    await choose(page, "Add an address")
    await heading(page, "Add an address of your own software")
    await walk(page)
    await write(page, "address", "sales@example.com")
    await page.keyboard.press("Enter")
    await focused(page, "Your mailbox is connected")
