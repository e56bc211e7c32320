"""auth as people's browsers meet it: one for each file, with whatever that file tells it besides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.choice import RunningServer
from tests.servers.dovecot import Dovecot
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Team, auth_for_people


@pytest.fixture(scope="module")
def besides() -> dict[str, Any]:
    """Settings that a file changes: it has a fixture of this name then."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(
    nats_server: RunningServer,
    mongodb_url: str,
    dovecot: Dovecot,
    tmp_path_factory: pytest.TempPathFactory,
    besides: dict[str, Any],
) -> AsyncIterator[Auth]:
    folder = tmp_path_factory.mktemp("people")
    async with auth_for_people(nats_server.url, mongodb_url, dovecot, folder, **besides) as started:
        yield started


@pytest.fixture
def team(auth: Auth) -> Team:
    return Team(auth)
