"""A world for send, with one replica running and one mailbox connected where a test asks for `sending`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.send.world import World, a_world


@pytest.fixture
async def world(nats_url: str, mongodb_url: str, mongodb_database: str) -> AsyncIterator[World]:
    """No replica runs yet."""
    async with a_world(nats_url, mongodb_url, mongodb_database) as made:
        yield made


@pytest.fixture
async def sending(world: World) -> AsyncIterator[World]:
    async with world.replica():
        yield world
