"""A Dovecot that the tests of connecting share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.servers.dovecot import Dovecot


@pytest.fixture(scope="session")
def shared_dovecot() -> Iterator[Dovecot]:
    dovecot = Dovecot()
    asyncio.run(dovecot.start())
    yield dovecot
    asyncio.run(dovecot.stop())
    dovecot.remove()
