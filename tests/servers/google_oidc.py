"""Google's sign-in for tests: npm's `oidc-provider` under node, with rotation, reuse detection and ills on demand.

Tests of mail take access tokens from `mint` and have their servers ask `introspection_url` (GET with `access_token`, or
POST with `token`; RFC 7662's answer with `active`, `email`, `scope`). Tests of signing in walk `sign_in`.
Where node or its packages are missing the tests are skipped with the command that installs them; never under CI.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from deploy.embedded.free_ports import free_port

MAIL_SCOPE = "https://mail.google.com/"
CLIENT_ID = "double.apps.example.com"
CLIENT_SECRET = "double-client-secret"
INSTALL = "npm ci --prefix tests/servers/google_oidc"
_HOME = Path(__file__).parent / "google_oidc"
_START_SECONDS = 60.0


def require_node() -> None:
    """Skip, loudly, where the provider cannot run; fail where that may not be."""
    lacking = "node" if shutil.which("node") is None else ""
    if not lacking and not (_HOME / "node_modules" / "oidc-provider").is_dir():
        lacking = "oidc-provider"
    if lacking:
        words = f"Google's double needs {lacking}: install node 20 or later, then `{INSTALL}`"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


class GoogleOidc:
    """`async with GoogleOidc() as google`, or `start` and `stop` in whatever event loop. `issuer` is what auth is told
    as `google_issuer`."""

    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET

    def __init__(self, redirect_uris: Collection[str] = ("http://127.0.0.1:8100/oauth/google/callback",)) -> None:
        require_node()
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.introspection_url = f"{self.issuer}/double/introspect"
        self._redirect_uris = list(redirect_uris)
        self._key = RSAKey.generate_key(2048, {"kid": "double", "use": "sig", "alg": "RS256"}).as_dict(private=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object

    async def __aenter__(self) -> GoogleOidc:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = {
            "client_id": self.client_id, "client_secret": self.client_secret, "redirect_uris": self._redirect_uris,
        }  # fmt: skip
        given = json.dumps({"port": self.port, "clients": [app], "key": self._key})
        command = ["node", str(_HOME / "server.mjs"), given]
        self._process = subprocess.Popen(command, cwd=_HOME, stdout=self._log, stderr=self._log)
        async with asyncio.timeout(_START_SECONDS), httpx.AsyncClient() as http:
            while not await _ready(http, self.issuer):
                if self._process.poll() is not None:
                    raise RuntimeError(f"Google's double did not start:\n{self.log}")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    # -- making it ill, and looking ------------------------------------------------------------------------------------

    async def set(self, **knobs: Any) -> None:
        """`token_delay_ms`, `token_status` with `token_body`, `hang_up_after`, `silent_after`, `refuse_refresh`,
        `rotate`, `access_token_seconds`, `email_verified`, `revoke_status`: see server.mjs."""
        await self._tell("knobs", knobs)

    async def heal(self) -> None:
        await self._tell("heal", {})

    async def counts(self) -> dict[str, int]:
        """`token_requests`, `refreshes`, `revocations`, `grant_errors` since `reset_counts`."""
        return dict(await self._tell("counts", {}))

    async def reset_counts(self) -> None:
        await self._tell("reset-counts", {})

    async def register(self, client_id: str, client_secret: str, redirect_uris: Collection[str]) -> None:
        """One more app."""
        facts = {"client_id": client_id, "client_secret": client_secret, "redirect_uris": list(redirect_uris)}
        await self._tell("clients", facts)

    async def end_grants(self, email: str) -> int:
        """The person takes every app's access away, as at their Google account's page."""
        return int((await self._tell("end-grants", {"email": email}))["ended"])

    async def end_access_token(self, access_token: str) -> None:
        await self._tell("end-access-token", {"access_token": access_token})

    async def mint(self, email: str, *, seconds: int = 3600, scope: str = f"openid email {MAIL_SCOPE}") -> str:
        """An access token without signing in."""
        facts = {"email": email, "seconds": seconds, "scope": scope}
        return str((await self._tell("mint", facts))["access_token"])

    async def introspect(self, access_token: str) -> dict[str, Any]:
        async with httpx.AsyncClient() as http:
            answer = await http.post(self.introspection_url, data={"token": access_token})
        return dict(answer.raise_for_status().json())

    async def _tell(self, what: str, facts: Mapping[str, Any]) -> Any:
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{self.issuer}/double/{what}", json=dict(facts))
        return answer.raise_for_status().json()

    # -- a person at the pages -----------------------------------------------------------------------------------------

    async def sign_in(
        self, address: str, email: str, *, untick: Collection[str] = (), cancel: bool = False
    ) -> dict[str, str]:
        """Walk from the authorization address back to the app; what comes back in the callback's query."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(address)
            for _ in range(12):
                if answer.is_redirect:
                    target = urljoin(str(answer.url), answer.headers["location"])
                    if urlsplit(target).port != self.port:
                        return dict(parse_qsl(urlsplit(target).query))
                    answer = await browser.get(target)
                    continue
                form = _form(answer.text)
                if form is None:
                    break
                answer = await browser.post(
                    urljoin(str(answer.url), form), data=_filled(answer.text, email, untick, cancel)
                )
        raise AssertionError(f"the sign-in led nowhere: {answer.status_code} {answer.text[:500]}")


async def _ready(http: httpx.AsyncClient, issuer: str) -> bool:
    try:
        return (await http.get(f"{issuer}/.well-known/openid-configuration")).status_code == 200
    except httpx.HTTPError:
        return False


def _form(page: str) -> str | None:
    found = re.search(r'<form method="post" action="([^"]+)"', page)
    return found[1] if found else None


def _filled(page: str, email: str, untick: Collection[str], cancel: bool) -> dict[str, Any]:
    if cancel:
        return {"answer": "cancel"}
    if 'name="email"' in page:
        return {"email": email, "answer": "next"}
    return {
        "answer": "continue",
        "scope": [s for s in re.findall(r'name="scope" value="([^"]+)"', page) if s not in untick],
    }
