"""A team's admins on our pages in a real Chromium: what is offered, External's set-up, Microsoft's admin consent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.browser.steps import external_worked, heading, microsoft_signs_in
from tests.browser.world import Team, World, shoot

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
    record = admin.locator(".log > li", has_text="boss changed which clients are offered")
    at = await record.locator("time").get_attribute("datetime")
    assert at is not None
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(at) < timedelta(minutes=5)
    member = await team.visit()
    await expect(member.get_by_role("button", name="Continue with Google")).to_have_count(0)
    await admin.get_by_label("Gmail", exact=True).check()
    await admin.get_by_role("button", name="Save", exact=True).click()
    await expect(admin.locator(".log > li")).to_have_count(3)  # and the key that this test asks with
    await member.reload()
    await expect(member.get_by_role("button", name="Continue with Google")).to_be_visible()


async def test_a_policy_is_saved_as_it_was_given(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await admin.locator("#smtp_imap > summary").click()
    await admin.locator("#smtp_imap-minute").fill("20")
    await admin.locator("#smtp_imap-folders").fill("Sales\nSupport")
    await admin.locator("#smtp_imap-copy").uncheck()
    await admin.locator("#smtp_imap").get_by_role("button", name="Save the policy").click()
    await expect(admin.get_by_role("status").first).to_contain_text("The policy is saved")
    told = (await team.settings())["policies"]["smtp_imap"]
    assert told == {"folders": ["Sales", "Support"], "sends_per_minute": 20, "sent_copy": False}


async def test_an_app_of_ones_own_is_registered_for_one_organisation(world: World, team: Team) -> None:
    admin = await team.visit("settings", person="boss")
    await admin.locator("summary", has_text="Microsoft").last.click()
    app = admin.locator("details", has_text="Client secret").last
    await app.get_by_label("Client id").fill("app-of-contoso")
    await app.get_by_label("Client secret").fill("never-shown-again")
    await app.get_by_label("Directory (tenant)").fill("contoso.example.com")
    await shoot(admin, "settings-app")
    await app.get_by_role("button", name="Use our own app").click()
    await expect(admin.get_by_role("status").first).to_be_visible()
    assert "never-shown-again" not in await admin.content()
    member = await team.visit()
    async with member.expect_request(re.compile("/contoso.example.com/oauth2/v2.0/authorize")) as leaving:
        await member.get_by_role("button", name="Continue with Microsoft").click()
    assert "client_id=app-of-contoso" in (await leaving.value).url


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
    await external_worked(world, key.strip())
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
