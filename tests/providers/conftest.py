"""A Dovecot and a double of Gmail that the tests of providers share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.gmail import Gmail
from tests.servers.google_oidc import GoogleOidc


@pytest.fixture(scope="session")
def shared_dovecot() -> Iterator[Dovecot]:
    dovecot = Dovecot()
    asyncio.run(dovecot.start())
    yield dovecot
    asyncio.run(dovecot.stop())
    dovecot.remove()


@pytest.fixture(scope="session")
def shared_gmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gmail]:
    google = GoogleOidc()
    gmail = Gmail(tmp_path_factory.mktemp("gmail"), google)
    asyncio.run(google.start())
    asyncio.run(gmail.start())
    yield gmail
    asyncio.run(gmail.stop())
    asyncio.run(google.stop())
