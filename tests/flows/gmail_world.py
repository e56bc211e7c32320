"""The world of flows and faults with Gmail in it: mailboxes connected by signing in, on a double of Google."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from deploy.embedded.free_ports import free_port
from tests.flows.world import ADA, QUICK, World, listening
from tests.servers import stack as stacks
from tests.servers.gmail import Gmail
from tests.servers.google_oidc import GoogleOidc

_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


@dataclass(kw_only=True)
class GmailWorld(World):
    gmail: Gmail
    google: GoogleOidc
    sessions_ended: int = 0

    async def connect(self, address: str = ADA, **settings: Any) -> str:
        """As a person does: follow a link, choose Gmail, sign in at Google, come back."""
        async with self.running.api("auth") as api:
            asked = {"purpose": "connect", "person": address, "return_to": "https://app.example.com/"}
            link = await api.post("/v1/links", json=asked)
        assert link.status_code == 201, link.text
        origin = self.running.stack.url("auth")
        async with httpx.AsyncClient(base_url=origin, timeout=60, follow_redirects=True) as browser:
            page = await browser.get(link.json()["url"])
            token = _TOKEN.search(page.text)
            assert token is not None, page.text
            leaving = await browser.post(
                "/connect/gmail", data={"form_token": token[1]}, headers={"Origin": origin}, follow_redirects=False
            )
            out = leaving.headers.get("location") or self._way_out(leaving.text)
            back = await self.google.sign_in(out, address)
            done = await browser.get(f"/oauth/google/callback?{urlencode(back)}")
        assert done.status_code == 200, done.text
        return done.url.path.rpartition("/")[2]

    def _way_out(self, page: str) -> str:
        found = re.search(rf'"({re.escape(self.google.issuer)}/[^"]+)"', page)
        assert found is not None, page
        return unescape(found[1])

    async def end_stale_sessions(self) -> None:
        """For ever, what Google does when a token's time is over: the sessions that it had opened are told so."""
        while True:
            for token in self.gmail.tokens_in_use():
                if not (await self.google.introspect(token))["active"]:
                    self.sessions_ended += self.gmail.expire(token)
            await asyncio.sleep(0.5)

    def sent_copies(self, address: str = ADA) -> Counter[str]:
        return Counter(str(copy["Message-ID"]) for copy in self.copies(address))


@contextlib.asynccontextmanager
async def a_gmail_world(
    folder: Path, *, env: dict[str, dict[str, str]] | None = None, access_token_seconds: int = 3600
) -> AsyncIterator[GmailWorld]:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with GoogleOidc([f"{origin}/oauth/google/callback"]) as google:
        await google.set(access_token_seconds=access_token_seconds)
        gmail = Gmail(folder, google)
        await gmail.start()
        try:
            policy = {
                "REPLYWIRE_ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
                "REPLYWIRE_EXTRA_PORTS": json.dumps(gmail.ports),
                "REPLYWIRE_CA_FILE": gmail.dovecot.ca_file,
                "REPLYWIRE_PROVIDER_HOSTS": json.dumps(gmail.hosts()),
            }
            own = {
                "auth": {
                    "REPLYWIRE_PUBLIC_URL": origin,
                    "REPLYWIRE_OFFERED_CLIENTS": json.dumps(["gmail"]),
                    "REPLYWIRE_GOOGLE_ISSUER": google.issuer,
                    "REPLYWIRE_GOOGLE_CLIENT_ID": google.client_id,
                    "REPLYWIRE_GOOGLE_CLIENT_SECRET": google.client_secret,
                },
                "send": {"REPLYWIRE_SETTLE_MOST_SECONDS": "1"},
            }
            merged = {
                service: policy | QUICK.get(service, {}) | own.get(service, {}) | (env or {}).get(service, {})
                for service in ("auth", "send", "inbox_sync")
            }
            async with (
                stacks.running(folder / "stack", sandbox=False, env=merged, ports={"auth": port}) as running,
                running.product() as product,
            ):
                world = GmailWorld(running, gmail.dovecot, gmail.sink, product, gmail=gmail, google=google)
                ending = asyncio.create_task(world.end_stale_sessions())
                async with listening(world):
                    yield world
                ending.cancel()
                if (how := (await asyncio.gather(ending, return_exceptions=True))[0]) and isinstance(how, Exception):
                    raise how
        finally:
            await gmail.stop()
