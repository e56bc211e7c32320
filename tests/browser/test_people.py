"""People on our pages in a real Chromium: every client's connect, health, refused links, phone."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from replywire_contracts.v1.rpc import ReportRejected

from services.runtime.rpc import RpcClient
from tests.browser import accessibility
from tests.browser.steps import (
    account_of,
    connect_own_servers,
    google_signs_in,
    heading,
    microsoft_signs_in,
    sentence,
)
from tests.browser.world import PHONE, Team, World, fill_servers, shoot

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- connecting --------------------------------------------------------------------------------------------------------


async def test_a_mailbox_with_its_own_servers_is_connected_and_syncs_before_ones_eyes(world: World, team: Team) -> None:
    page = await team.visit()
    await heading(page, "Available e-mail clients")
    assert "link=" not in page.url
    await shoot(page, "connect", "light", "dark")
    account_id = await connect_own_servers(world, page)
    await sentence(page, "Everything works. New answers are noticed within seconds.")
    await expect(page.locator(".facts time")).to_be_visible()
    await shoot(page, "connected", "light", "dark")
    done = await page.get_by_role("link", name="Done, back to app.example.com").get_attribute("href")
    assert done == f"https://app.example.com/mailboxes?tab=mail&status=connected&account_id={account_id}"
    assert (await team.account(account_id))["people"] == ["ada"]
    await page.reload()
    await sentence(page, "Everything works.")


async def test_servers_are_suggested_from_the_domain_alone_and_can_be_changed(world: World, team: Team) -> None:
    page = await team.visit()
    await page.get_by_role("link", name="Enter your servers").click()
    address = page.get_by_label("E-mail address")
    await address.fill("ada@example.com")
    await address.blur()
    await expect(page.locator("#imap_host")).to_have_value("imap.example.com")
    await expect(page.locator("#smtp_host")).to_have_value("smtp.example.com")
    await shoot(page, "smtp-imap", "light", "dark")
    await page.locator("#imap_host").fill("mine.example.com")
    await address.fill("ada@fastmail.com")
    await address.blur()
    await expect(page.locator("#smtp_host")).to_have_value("smtp.fastmail.com")
    await expect(page.locator("#imap_host")).to_have_value("mine.example.com")
    await address.fill("ada@example.net")  # its MX is Exchange Online's
    await address.blur()
    await expect(page.locator("[data-suggestion]")).to_contain_text("better connected as Microsoft 365")


async def test_without_javascript_the_same_page_does_the_same(world: World, team: Team) -> None:
    page = await team.visit(on=await team.page(java_script_enabled=False))
    await page.get_by_role("link", name="Enter your servers").click()
    await page.get_by_label("E-mail address").fill("ada@example.com")
    await page.get_by_role("button", name="Find servers").click()
    await expect(page.locator("#imap_host")).to_have_value("imap.example.com")
    await page.get_by_label("E-mail address").fill("alice@example.com")
    for name, port in (("imap", world.sandbox.ports["imap"]), ("smtp", world.sandbox.ports["submission"])):
        await page.locator(f"#{name}_host").fill("localhost")
        await page.locator(f"#{name}_port").fill(str(port))
    await page.locator("#smtp_security").select_option("starttls")
    await page.get_by_label("Password", exact=True).fill(world.sandbox.users["alice@example.com"])
    await page.get_by_role("button", name="Try and connect").click()
    await heading(page, "Your mailbox is connected")
    async with page.expect_navigation():  # a page that is not settled loads itself again
        await page.reload()


async def test_a_wrong_password_is_explained_at_its_field_and_forgotten(world: World, team: Team) -> None:
    page = await team.visit()
    await page.get_by_role("link", name="Enter your servers").click()
    await fill_servers(page, world.sandbox, password="not-it")
    await page.get_by_role("button", name="Try and connect").click()
    both = "The SMTP server refused the login. The IMAP server refused the login."
    await expect(page.get_by_role("alert")).to_contain_text(both)
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.locator("#password")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#password")).to_have_value("")
    await expect(page.locator("#imap_host")).to_have_value("localhost")
    await expect(page.get_by_role("alert").locator(".pill.bad")).to_have_count(2)
    await shoot(page, "refused-login")
    async with team.api() as api:
        assert (await api.get("/v1/accounts")).json()["items"] == []


async def test_gmail_is_connected_by_signing_in_with_google(world: World, team: Team) -> None:
    page = await team.visit()
    await page.get_by_role("button", name="Continue with Google").click()
    await google_signs_in(page)
    await heading(page, "Your mailbox is connected")
    account = await team.account(account_of(page))
    assert (account["client"], account["address"], account["people"]) == ("gmail", "ada@example.com", ["ada"])
    await sentence(page, "Everything works.")


async def test_a_cancelled_sign_in_is_told_and_leaves_nothing(world: World, team: Team) -> None:
    page = await team.visit()
    await page.get_by_role("button", name="Continue with Google").click()
    await page.locator("[name=email]").fill("ada@example.com")
    await page.locator("button[value=next]").click()
    await page.locator("button[value=cancel]").click()
    await heading(page, "Gmail was not connected")
    await shoot(page, "cancelled")
    await page.get_by_role("link", name="Choose again").click()
    await heading(page, "Available e-mail clients")
    async with team.api() as api:
        assert (await api.get("/v1/accounts")).json()["items"] == []


async def test_a_forged_way_back_from_a_provider_connects_nothing(world: World, team: Team) -> None:
    page = await team.visit()
    for path in ("google", "microsoft"):
        await page.goto(f"{world.url}/oauth/{path}/callback?code=stolen&state=forged")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("was not connected")
    async with team.api() as api:
        assert (await api.get("/v1/accounts")).json()["items"] == []


async def test_microsoft_365_is_connected_by_signing_in_with_microsoft(world: World, team: Team) -> None:
    world.entra.directory.tenant("contoso.example.com")
    world.entra.directory.person("grace@contoso.example.com", mail="grace@contoso.example.com")
    page = await team.visit()
    await page.get_by_role("button", name="Continue with Microsoft").click()
    await microsoft_signs_in(page, "grace@contoso.example.com")
    await heading(page, "Your mailbox is connected")
    assert (await team.account(account_of(page)))["client"] == "microsoft365"


# -- links and mailboxes -----------------------------------------------------------------------------------------------


async def test_a_refused_link_says_so_on_a_page(world: World, team: Team) -> None:
    url = await team.link()
    page = await team.page()
    await page.goto(url)
    stranger = await team.page()
    answer = await stranger.goto(url)
    assert answer is not None
    assert answer.status == 410
    await heading(stranger, "This link is used up")
    await shoot(stranger, "refused-link")
    answer = await stranger.goto(url[:-6] + "AAAAAA")
    assert answer is not None
    assert answer.status == 403
    await heading(stranger, "This link does not work")


async def test_a_revoked_mailbox_is_told_live_and_reconnected_by_a_link(world: World, team: Team) -> None:
    page = await team.visit()
    await page.get_by_role("button", name="Continue with Google").click()
    await google_signs_in(page, "revoked@example.com")
    await heading(page, "Your mailbox is connected")
    account_id = account_of(page)
    await sentence(page, "Everything works.")
    await reject(world, team, account_id)
    await sentence(page, "Your mail provider no longer accepts this connection.")
    await expect(page.get_by_role("heading", name="Your mailbox is connected")).to_have_count(0)
    await shoot(page, "needs-you", "light", "dark")
    again = await team.visit("reconnect", account_id=account_id)
    await again.get_by_role("button", name="Reconnect").click()
    await google_signs_in(again, "revoked@example.com")
    await heading(again, "Your mailbox is connected")
    assert account_of(again) == account_id
    await sentence(page, "Everything works.")  # the first window was never loaded anew


async def test_another_persons_sign_in_reconnects_nothing(world: World, team: Team) -> None:
    page = await team.visit()
    await page.get_by_role("button", name="Continue with Google").click()
    await google_signs_in(page, "pinned@example.com")
    await heading(page, "Your mailbox is connected")
    account_id = account_of(page)
    again = await team.visit("reconnect", account_id=account_id)
    await again.get_by_role("button", name="Reconnect").click()
    await google_signs_in(again, "other@example.com")
    await heading(again, "Gmail was not connected")
    assert (await team.account(account_id))["revision"] == 1


async def test_disconnecting_is_confirmed_and_ends_it(world: World, team: Team) -> None:
    page = await team.visit()
    account_id = await connect_own_servers(world, page)
    await page.get_by_role("link", name="Disconnect").click()
    await heading(page, "Disconnect alice@example.com?")
    await shoot(page, "disconnect")
    await page.get_by_role("link", name="Keep it").click()
    assert (await team.account(account_id))["state"] == "connected"
    await page.get_by_role("link", name="Disconnect").click()
    await page.get_by_role("button", name="Disconnect").click()
    await expect(page.locator(".state")).to_have_text("Disconnected")
    assert (await team.account(account_id))["state"] == "disconnected"


async def reject(world: World, team: Team, account_id: str) -> None:
    """As a service does whose login the provider has refused."""
    import nats

    revision = (await team.account(account_id))["revision"]
    connection = await nats.connect(world.settings.nats_url)
    report = ReportRejected(account_id=account_id, revision=revision, reason="refused_login", words="Token revoked.")
    await RpcClient(connection).call(report)
    await connection.close()


# -- eyes --------------------------------------------------------------------------------------------------------------


async def test_on_a_phone_nothing_is_cut_off(world: World, team: Team) -> None:
    page = await team.visit(on=await team.page(viewport=PHONE, has_touch=True, is_mobile=True))
    admin = await team.visit("settings", on=await team.page(viewport=PHONE, has_touch=True, is_mobile=True))
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    for name, path in (("connect", "/connect"), ("smtp-imap", "/connect/smtp_imap")):
        await page.goto(f"{world.url}{path}")
        assert not await page.evaluate(wide), path
        await shoot(page, f"phone-{name}")
    await page.goto(f"{world.url}/connect")
    await connect_own_servers(world, page)
    await sentence(page, "Everything works.")
    await shoot(page, "phone-connected")
    assert not await page.evaluate(wide)
    for name, path in (("settings", "/settings"), ("external-setup", "/settings/external")):
        await admin.goto(f"{world.url}{path}")
        assert not await admin.evaluate(wide), path
        await shoot(admin, f"phone-{name}", "dark")


async def test_every_control_has_a_name_and_every_page_one_title(world: World, team: Team) -> None:
    page = await team.visit()
    admin = await team.visit("settings")
    nameless = """[...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]
        .filter(each => !(each.labels && each.labels.length) && !each.textContent.trim()).map(each => each.outerHTML)"""
    pages = ((page, "/connect"), (page, "/connect/smtp_imap"), (page, "/mailboxes"), (admin, "/settings"),
             (admin, "/settings/external"))  # fmt: skip
    for window, path in pages:
        await window.goto(f"{world.url}{path}")
        assert await window.evaluate(nameless) == [], path
        assert await window.locator("h1").count() == 1, path
        assert await window.evaluate("document.documentElement.lang") == "en"
        ids = await window.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
        assert len(ids) == len(set(ids)), path


async def test_the_rules_that_judge_each_screenshot_do_find_faults(world: World, team: Team) -> None:
    page = await team.page()
    await page.set_content('<title>T</title><main><h1>H</h1><input><p style="color:#bbb">pale</p></main>')
    found = "\n".join(await accessibility.faults(page))
    assert "label" in found
    assert "color-contrast" in found
