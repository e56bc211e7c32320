"""What people do on several pages, and what they then see."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
from playwright.async_api import Page, expect

from tests.browser.world import World, fill_servers

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


async def external_worked(world: World, key: str) -> None:
    """As the customer's own code does: take what is due, and report it as sent."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=world.services["send"].url, headers=headers, timeout=30) as api:
        taken = await api.post("/v1/external/messages/take", json={"max": 1, "wait_seconds": 10, "lease_seconds": 60})
        lease = taken.raise_for_status().json()["lease"]
        (message,) = taken.json()["messages"]
        done = await api.post(f"/v1/external/messages/{message['request_id']}/sent", json={"lease": lease})
        done.raise_for_status()
