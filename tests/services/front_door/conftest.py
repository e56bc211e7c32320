"""A service behind a front door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.services.front_door.rig import Upstream, door, listening


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with listening() as made:
        yield made


@pytest.fixture
async def http(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    async with door(upstream.port) as client:
        yield client
