"""One world of OAuth for each module of tests: auth, the doubles of Google and Microsoft, Gmail's mail servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from services.auth import commands
from services.auth.settings import Settings
from tests.servers import mongod as mongod_server
from tests.servers import nats_server as bus_server
from tests.servers.choice import RunningServer
from tests.servers.entra import Entra
from tests.servers.gmail import Gmail
from tests.servers.google_oidc import GoogleOidc
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.services.auth.conftest import Mail, provisioned, running
from tests.services.auth.oauth.world import OAuthWorld, settings_for, wired


@pytest.fixture(scope="module")
def google_server() -> Iterator[GoogleOidc]:
    google = GoogleOidc()
    asyncio.run(google.start())
    yield google
    asyncio.run(google.stop())


@pytest.fixture(scope="module")
def gmail(google_server: GoogleOidc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gmail]:
    """Its mail servers ask Google's double about every access token."""
    servers = Gmail(tmp_path_factory.mktemp("gmail"), google_server)
    asyncio.run(servers.start())
    yield servers
    asyncio.run(servers.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def entra_server() -> AsyncIterator[Entra]:
    async with Entra() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def oauth_settings(
    google_server: GoogleOidc,
    entra_server: Entra,
    gmail: Gmail,
    nats_server: RunningServer,
    mongodb_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Settings]:
    folder = tmp_path_factory.mktemp("oauth")
    trusted, ring, database = folder / "trusted.pem", folder / "ring.json", f"test_{uuid4().hex}"
    trusted.write_text(Path(entra_server.ca_file).read_text() + Path(gmail.dovecot.ca_file).read_text())
    commands.new_key_ring(ring, False, lambda _: None)
    given = Settings(
        nats_url=nats_server.url,
        mongodb_url=mongodb_url,
        mongodb_database=database,
        http_port=0,
        key_ring=str(ring),
        graceful_timeout=5,
        revocation_sweep_seconds=0.1,
        allowed_networks=("127.0.0.0/8", "::1/128"),
    )
    yield await provisioned(settings_for(given, google_server, entra_server, gmail, trusted))
    await bus_server.forget_streams(nats_server.url)
    mongod_server.drop(mongodb_url, database)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(
    oauth_settings: Settings, google_server: GoogleOidc, entra_server: Entra, gmail: Gmail
) -> AsyncIterator[OAuthWorld]:
    async with running(oauth_settings, Mail(gmail.dovecot, ScriptedSmtp())) as auth:
        oauth, team, rings = wired(auth.app, oauth_settings)
        yield OAuthWorld(auth, google_server, entra_server, oauth, team, rings)


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared_world: OAuthWorld) -> OAuthWorld:
    """Healthy and empty: nobody has connected or chosen anything."""
    await shared_world.begin_anew()
    return shared_world
