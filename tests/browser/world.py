"""Replywire as a person's browser meets it: real services and sandbox mail, with doubles of Google and Microsoft."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx
from playwright.async_api import Browser, BrowserContext, Page, expect

from deploy.embedded.free_ports import free_port
from deploy.embedded.kept_secrets import keep
from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.service import Service
from services.auth import commands
from services.auth.settings import Settings
from services.runtime.provision import provision
from tests.browser import accessibility
from tests.servers import exchange as exchange_server
from tests.servers.entra import Entra
from tests.servers.exchange import Exchange
from tests.servers.gmail import Gmail
from tests.servers.google_oidc import GoogleOidc
from tests.servers.mail_dns import MailDns

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
RETURN_TO = "https://app.example.com/mailboxes?tab=mail"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1100, "height": 860}
_RECORDS = {
    ("_imaps._tcp.example.com", "SRV"): ["0 1 993 imap.example.com."],
    ("_submissions._tcp.example.com", "SRV"): ["0 1 465 smtp.example.com."],
    ("_autodiscover._tcp.example.org", "SRV"): ["0 1 443 owa.example.org."],
    ("example.net", "MX"): ["10 example-net.mail.protection.outlook.com."],
}
SERVICES = ("auth", "reply_matching", "inbox_sync", "send")


@dataclass
class World:
    url: str
    settings: Settings
    services: Mapping[str, Service]
    sandbox: SandboxMail
    google: GoogleOidc
    entra: Entra
    gmail: Gmail
    exchange: Exchange
    chromium: Browser

    async def team(self) -> Team:
        team = Team(self, f"team-{uuid4().hex[:8]}")
        printed: list[str] = []
        from services.auth.domain.scopes import SCOPES

        await commands.create_key(self.settings, team.name, tuple(SCOPES), "test", False, printed.append)
        team.key = printed[0]
        return team


@dataclass
class Team:
    world: World
    name: str
    key: str = ""
    contexts: list[BrowserContext] = field(default_factory=list)

    def api(self, service: str = "auth") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.world.services[service].url, headers=headers, timeout=30)

    async def link(self, purpose: str = "connect", **more: Any) -> str:
        body = {"purpose": purpose, "person": "ada", "return_to": RETURN_TO, **more}
        if purpose == "settings":
            body["role"] = "admin"
        async with self.api() as api:
            answer = await api.post("/v1/links", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["url"])

    async def page(self, **more: Any) -> Page:
        """A browser window of its own; no page of ours may log an error in it."""
        options: dict[str, Any] = {"viewport": DESKTOP, "ignore_https_errors": True, "reduced_motion": "reduce"}
        options |= {"locale": "en-GB", **more}
        context = await self.world.chromium.new_context(**options)
        self.contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        return page

    async def visit(self, purpose: str = "connect", *, on: Page | None = None, **more: Any) -> Page:
        page = on or await self.page()
        await page.goto(await self.link(purpose, **more))
        return page

    async def account(self, account_id: str) -> dict[str, Any]:
        async with self.api() as api:
            answer = await api.get(f"/v1/accounts/{account_id}")
        return dict(answer.raise_for_status().json())

    async def settings(self, **changed: Any) -> dict[str, Any]:
        async with self.api() as api:
            answer = await (api.put("/v1/settings", json=changed) if changed else api.get("/v1/settings"))
        return dict(answer.raise_for_status().json())

    async def close(self) -> None:
        for context in self.contexts:
            await context.close()


async def shoot(page: Page, name: str, *schemes: Literal["light", "dark"]) -> None:
    """Kept as build output, looked at by people; what a rule can judge (WCAG 2.2 AA: contrast, names, roles, order) is
    judged here. Light where no scheme is named."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in schemes or ("light",):
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=True)
        assert await accessibility.faults(page) == [], f"{name}, {scheme}"
    if schemes:
        await page.emulate_media(color_scheme="light")


async def fill_servers(
    page: Page, sandbox: SandboxMail, address: str = "alice@example.com", password: str = ""
) -> None:
    """The form for the sandbox's servers; suggestions come first, so that they change nothing afterwards."""
    address = "alice@example.com"
    await page.get_by_label("E-mail address").fill(address)
    await page.get_by_label("E-mail address").blur()
    await expect(page.locator("[data-suggestion] p")).to_be_visible()
    await page.get_by_label("Password", exact=True).fill(password or sandbox.users[address])
    for name, port, security in (
        ("imap", sandbox.ports["imap"], "tls"),
        ("smtp", sandbox.ports["submission"], "starttls"),
    ):
        await page.locator(f"#{name}_host").fill("localhost")
        await page.locator(f"#{name}_port").fill(str(port))
        await page.locator(f"#{name}_security").select_option(security)


@contextlib.asynccontextmanager
async def running(folder: Path, nats_url: str, mongodb_url: str, chromium: Browser) -> AsyncIterator[World]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    google = GoogleOidc([f"{url}/oauth/google/callback"])
    microsoft = (f"{url}/oauth/microsoft/callback", f"{url}/oauth/microsoft/admin-consent/callback")
    gmail = Gmail(folder / "gmail", google)
    sandbox = SandboxMail(folder / "sandbox")
    async with contextlib.AsyncExitStack() as stack:
        entra = await stack.enter_async_context(Entra(microsoft))
        exchange = stack.enter_context(exchange_server.running())
        dns = await stack.enter_async_context(MailDns(_RECORDS))
        provisioned = provision(nats_url, mongodb_url, stream_max_bytes=64 * 2**20)
        await asyncio.gather(google.start(), gmail.start(), sandbox.start(), provisioned)
        stack.push_async_callback(google.stop)
        stack.push_async_callback(gmail.stop)
        stack.push_async_callback(sandbox.stop)
        trusted = folder / "trusted.pem"
        authorities = (entra.ca_file, gmail.dovecot.ca_file, sandbox.ca_file, exchange.ca_file)
        trusted.write_text("".join(Path(each).read_text() for each in authorities))
        secrets = keep(folder / "secrets")
        settings = Settings(
            nats_url=nats_url, mongodb_url=mongodb_url, http_port=port, public_url=url, key_ring=str(secrets.key_ring),
            offered_clients=("gmail", "microsoft365", "smtp_imap", "external"),
            allowed_networks=("127.0.0.0/8", "::1/128"),
            extra_ports=(*sandbox.open_ports(), *gmail.ports, exchange.port),
            ca_file=trusted, dns_servers=(dns.address,), google_issuer=google.issuer,
            google_client_id=google.client_id, google_client_secret=google.client_secret,
            microsoft_authority=entra.url, microsoft_client_id=entra.client_id,
            microsoft_client_secret=entra.client_secret,
            provider_hosts={**gmail.hosts(), "microsoft365": {"graph": entra.url}},
        )  # fmt: skip
        told = _environment(settings) | {"REPLYWIRE_FIND_KEYS": secrets.find_keys}
        services = {
            name: Service(name, name, port if name == "auth" else free_port(), told, folder / f"{name}.log")
            for name in SERVICES
        }
        for service in services.values():
            stack.push_async_callback(service.stop)
        await asyncio.gather(*(service.start() for service in services.values()))
        yield World(url, settings, services, sandbox, google, entra, gmail, exchange, chromium)


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REPLYWIRE_")}
    given = settings.model_dump(
        mode="json", exclude_defaults=True, exclude={"service", "instance_id", "http_port", "mongodb_database"}
    )
    told = {
        f"REPLYWIRE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
    }
    return inherited | told
