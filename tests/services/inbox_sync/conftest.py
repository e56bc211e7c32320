"""A world for inbox_sync, and a Dovecot full of mailboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.servers.dovecot import PASSWORD, Dovecot
from tests.services.inbox_sync.neighbours import TRACKED
from tests.services.inbox_sync.world import World, a_world

REPLY = f"In-Reply-To: {TRACKED}"


def a_user() -> str:
    return f"user-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """The worker's Dovecot; every user name is a mailbox."""
    server = Dovecot()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
    server.remove()


@pytest.fixture
async def own_dovecot() -> AsyncIterator[Dovecot]:
    """A Dovecot of this test alone, to be hurt."""
    server = Dovecot()
    await server.start()
    yield server
    await server.stop()
    server.remove()


@pytest.fixture
async def world(nats_url: str, mongodb_url: str, mongodb_database: str) -> AsyncIterator[World]:
    async with a_world(nats_url, mongodb_url, mongodb_database) as made:
        yield made


def reading(dovecot: Dovecot) -> dict[str, Any]:
    """Settings of a replica that may read this Dovecot."""
    return {
        "allowed_networks": ("127.0.0.0/8", "::1/128"),
        "extra_ports": (dovecot.imap_port, dovecot.imaps_port),
        "ca_file": dovecot.ca_file,
    }


def mailbox(dovecot: Dovecot, user: str) -> tuple[dict[str, Any], dict[str, str]]:
    """An account's settings and secret."""
    imap = {"host": dovecot.host, "port": dovecot.imaps_port, "username": user}
    return {"imap": imap, "smtp": {**imap, "port": 465}}, {"imap_password": PASSWORD, "smtp_password": PASSWORD}
