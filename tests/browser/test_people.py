"""People on our pages in a real Chromium: every client's connect, health, refused links, settings, keyboard, phone."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect
from replywire_contracts.v1.rpc import ReportRejected

from services.runtime.rpc import RpcClient
from tests.browser import accessibility
from tests.browser.world import PHONE, Team, World, fill_servers, shoot

pytestmark = pytest.mark.asyncio(loop_scope="module")
expect.set_options(timeout=15_000)  # a busy machine is no finding


async def heading(page: Page, name: str) -> None:
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def sentence(page: Page, text: str) -> None:
    await expect(page.locator(".sentence")).to_contain_text(text)


def account_of(page: Page) -> str:
    return urlsplit(page.url).path.rpartition("/")[2]


async def connect_own_servers(world: World, page: Page) -> str:
    await page.get_by_role("link", name="Enter your servers").click()
    await fill_servers(page, world.sandbox)
    await page.get_by_role("button", name="Try and connect").click()
    await heading(page, "Your mailbox is connected")
    return account_of(page)


async def google_signs_in(page: Page, email: str = "ada@example.com") -> None:
    await page.locator("[name=email]").fill(email)
    await page.locator("button[value=next]").click()
    await page.locator("button[value=continue]").click()


async def microsoft_signs_in(page: Page, upn: str, answer: str | None = "Accept") -> None:
    await page.locator("[name=upn]").fill(upn)
    await page.get_by_role("button", name="Next").click()
    if answer is not None:
        await page.get_by_role("button", name=answer).click()


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
    await expect(page.get_by_role("alert")).to_contain_text("refused the login")
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


# -- settings ----------------------------------------------------------------------------------------------------------


async def test_an_admin_ticks_and_unticks_and_the_log_tells(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await heading(admin, "E-mail settings")
    await expect(admin.get_by_label("External e-mail client")).to_be_disabled()
    await shoot(admin, "settings", "light", "dark")
    await admin.get_by_label("Gmail", exact=True).uncheck()
    await admin.get_by_role("button", name="Save", exact=True).click()
    await expect(admin.get_by_role("status").first).to_contain_text("saved")
    await expect(admin.get_by_label("Gmail", exact=True)).not_to_be_checked()
    await expect(admin.locator(".log")).to_contain_text("boss changed which clients are offered")
    member = await team.visit()
    await expect(member.get_by_role("button", name="Continue with Google")).to_have_count(0)
    await admin.get_by_label("Gmail", exact=True).check()
    await admin.get_by_role("button", name="Save", exact=True).click()
    await expect(admin.locator(".log > li")).to_have_count(3)  # and the key that this test asks with
    await member.reload()
    await expect(member.get_by_role("button", name="Continue with Google")).to_be_visible()


async def test_a_policy_is_saved_and_holds_for_leases(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await admin.locator("#smtp_imap > summary").click()
    await admin.locator("#smtp_imap-minute").fill("20")
    await admin.locator("#smtp_imap-folders").fill("Sales\nSupport")
    await admin.locator("#smtp_imap-copy").uncheck()
    await admin.locator("#smtp_imap").get_by_role("button", name="Save the policy").click()
    await expect(admin.get_by_role("status").first).to_contain_text("The policy is saved")
    told = (await team.settings())["policies"]["smtp_imap"]
    assert told == {"folders": ["Sales", "Support"], "sends_per_minute": 20, "sent_copy": False}


async def test_ews_is_listed_only_where_the_operator_switched_it_on(world: World, team: Team) -> None:
    from services.auth import commands

    admin = await team.visit("settings")
    await expect(admin.get_by_label("Microsoft Exchange (EWS)")).to_have_count(0)
    await commands.allow_client(world.settings, team.name, "ews", True, lambda _: None)
    await admin.reload()
    await expect(admin.get_by_label("Microsoft Exchange (EWS)")).to_be_visible()
    await expect(admin.locator(".log")).to_contain_text("The operator switched a client on")


async def test_external_can_be_ticked_once_its_set_up_is_complete(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await admin.get_by_role("link", name="Set it up").click()
    await admin.get_by_label("Name of the key").fill("mail worker")
    await admin.get_by_role("button", name="Create a key").click()
    key = await admin.locator("#new-key").text_content()
    assert key is not None
    assert key.startswith("rw_")
    await shoot(admin, "external-setup")
    await admin.get_by_label("Over HTTP").check()
    await admin.get_by_role("button", name="Save").click()
    assert key not in await admin.content()  # shown once
    await admin.get_by_label("From").fill("ada@example.com")
    await admin.get_by_label("To", exact=True).fill("boss@example.com")
    await admin.get_by_role("button", name="Start the test").click()
    await expect(admin.locator("section:has(#test)")).to_contain_text("Look again")
    await work_once(world, key.strip())
    await admin.reload()
    await heading(admin, "The set-up is complete")
    await admin.goto(f"{world.url}/settings")
    await admin.get_by_label("External e-mail client").check()
    await admin.get_by_role("button", name="Save", exact=True).click()
    assert "external" in (await team.settings())["offered"]
    member = await team.visit()
    await member.get_by_role("link", name="Add an address").click()
    await shoot(member, "external")
    await member.get_by_label("E-mail address").fill("sales@example.com")
    await member.get_by_role("button", name="Add the address").click()
    await heading(member, "Your mailbox is connected")


async def work_once(world: World, key: str) -> None:
    """As the customer's own code does: take what is due, and report it as sent."""
    import httpx

    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=world.services["send"].url, headers=headers, timeout=30) as api:
        taken = await api.post("/v1/external/messages/take", json={"max": 1, "wait_seconds": 10, "lease_seconds": 60})
        lease = taken.raise_for_status().json()["lease"]
        (message,) = taken.json()["messages"]
        done = await api.post(f"/v1/external/messages/{message['request_id']}/sent", json={"lease": lease})
        done.raise_for_status()


# -- admin consent -----------------------------------------------------------------------------------------------------


async def consent_world(world: World, domain: str) -> None:
    world.entra.directory.tenant(domain, people_may_consent=False)
    world.entra.directory.person(f"boss@{domain}", mail=f"boss@{domain}", admin=True)
    world.entra.directory.person(f"ada@{domain}", mail=f"ada@{domain}")


async def require_consent(admin: Page) -> None:
    await admin.get_by_label("Require admin consent").check()
    await admin.get_by_role("button", name="Save", exact=True).click()
    await expect(admin.get_by_label("Require admin consent")).to_be_checked()


async def test_people_are_told_what_to_ask_for_until_consent_is_granted(world: World, team: Team) -> None:
    await consent_world(world, "granted.example.com")
    admin = await team.visit("settings", person="boss")
    await require_consent(admin)
    member = await team.visit()
    await member.get_by_role("link", name="What to ask for").click()
    await heading(member, "Microsoft 365 needs your admin first")
    link = await member.locator("#consent-link a").get_attribute("href")
    assert link is not None
    assert "adminconsent" in link
    await shoot(member, "consent-needed")
    await admin.get_by_role("button", name="Start at Microsoft").click()
    await microsoft_signs_in(admin, "boss@granted.example.com")
    await expect(admin.locator("section:has(#consent)")).to_contain_text("Approved")
    await shoot(admin, "consent-granted")
    await member.goto(f"{world.url}/connect")
    await member.get_by_role("button", name="Continue with Microsoft").click()
    await microsoft_signs_in(member, "ada@granted.example.com", None)
    await heading(member, "Your mailbox is connected")


async def test_a_declined_consent_is_told_and_opens_nothing(world: World, team: Team) -> None:
    await consent_world(world, "declined.example.com")
    admin = await team.visit("settings", person="boss")
    await require_consent(admin)
    await admin.get_by_role("button", name="Start at Microsoft").click()
    await microsoft_signs_in(admin, "boss@declined.example.com", "Cancel")
    await expect(admin.locator("body")).to_contain_text(re.compile("eclined"))
    member = await team.visit()
    await expect(member.get_by_role("link", name="What to ask for")).to_be_visible()


async def test_a_forged_and_a_replayed_consent_prove_nothing(world: World, team: Team) -> None:
    await consent_world(world, "forged.example.com")
    admin = await team.visit("settings", person="boss")
    await require_consent(admin)
    callback = f"{world.url}/oauth/microsoft/admin-consent/callback"
    await admin.goto(f"{callback}?admin_consent=True&tenant=11111111-2222-4333-8444-555555555555&state=forged")
    await heading(admin, "Microsoft 365 was not approved")
    came: list[str] = []
    admin.on("request", lambda request: came.append(request.url) if request.url.startswith(callback) else None)
    await admin.goto(f"{world.url}/settings")
    await admin.get_by_role("button", name="Start at Microsoft").click()
    await microsoft_signs_in(admin, "boss@forged.example.com")
    await expect(admin.locator("section:has(#consent)")).to_contain_text("Approved")
    other = await world.team()
    try:
        thief = await other.visit("settings", person="thief")
        await require_consent(thief)
        assert "state" in parse_qs(urlsplit(came[0]).query)
        for replayed in came:
            await thief.goto(replayed)
            await heading(thief, "Microsoft 365 was not approved")
        await thief.goto(f"{world.url}/settings")
        await expect(thief.locator("section:has(#consent)")).not_to_contain_text("Approved")
    finally:
        await other.close()


# -- hands and eyes ----------------------------------------------------------------------------------------------------


async def test_a_mailbox_is_connected_by_keyboard_alone(world: World, team: Team) -> None:
    page = await team.visit()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Enter your servers":
            break
    shown = await page.evaluate("getComputedStyle(document.activeElement).boxShadow")
    assert shown != "none"  # whoever tabs sees where they are
    await page.keyboard.press("Enter")
    await heading(page, "Connect your mail server")
    ports = world.sandbox.ports
    typed = {
        "address": "alice@example.com", "password": world.sandbox.users["alice@example.com"],
        "imap_host": "localhost", "imap_port": str(ports["imap"]), "smtp_host": "localhost",
        "smtp_port": str(ports["submission"]), "smtp_security": "S",
    }  # fmt: skip
    for _ in range(25):
        await page.keyboard.press("Tab")
        name = await page.evaluate("document.activeElement.id")
        if name == "imap_host":
            await expect(page.locator("#imap_host")).to_have_value("imap.example.com")
        if name in typed:
            await page.keyboard.press("Control+A")
            await page.keyboard.type(typed[name])
        if await page.evaluate("document.activeElement.textContent") == "Try and connect":
            break
    await page.keyboard.press("Enter")
    await heading(page, "Your mailbox is connected")


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
