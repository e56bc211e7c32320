"""A mailbox of one's own in the double of Gmail, which is well again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.providers.errors import ProviderError
from services.providers.types import Credentials
from tests.providers.conformance.benches import GmailBench
from tests.servers.gmail import Gmail


@pytest.fixture
def mailbox(shared_gmail: Gmail) -> Iterator[GmailBench]:
    gmail = shared_gmail
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
