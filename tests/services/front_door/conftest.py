"""A service behind a front door: the embedded one, and nginx as the compose stack runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.servers import nginx
from tests.services.front_door.rig import Upstream, door, listening


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with listening() as made:
        yield made


@pytest.fixture
async def http(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    """Behind the embedded one."""
    async with door(upstream.port) as client:
        yield client


@pytest.fixture(params=["embedded", "nginx"])
async def either(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Behind the one and behind the other: what holds for a client holds wherever it asks."""
    if request.param == "embedded":
        async with door(upstream.port) as client:
            yield client
    else:
        async with (
            nginx.serving(tmp_path, {"send": upstream.port}) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            yield client
