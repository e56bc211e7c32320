"""One double of Gmail for all tests of this folder, and a mailbox of one's own in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.providers.errors import ProviderError
from services.providers.types import Credentials
from tests.providers.conformance.benches import GmailBench
from tests.servers.gmail import Gmail


@pytest.fixture(scope="session")
def gmail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gmail]:
    double = Gmail(tmp_path_factory.mktemp("gmail"))
    asyncio.run(double.start())
    yield double
    asyncio.run(double.stop())


@pytest.fixture
def mailbox(gmail: Gmail) -> Iterator[GmailBench]:
    yield GmailBench(gmail)
    gmail.smtp.says.clear()
    gmail.smtp.dots.clear()
    gmail.imap.refusal = b""
    gmail.imap.hidden.clear()
    gmail.imap.search_is_behind = gmail.imap.search_is_down = False


def with_token(mailbox: GmailBench, token: str) -> Credentials:
    return replace(mailbox.credentials(), secret={"access_token": token})


async def refused(work: object) -> ProviderError:
    async with asyncio.timeout(60):
        with pytest.raises(ProviderError) as raised:
            await work  # type: ignore[misc]
    return raised.value
