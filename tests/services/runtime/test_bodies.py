"""Large bodies by reference, in a real object store."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client as NatsClient

from services.runtime.bodies import Bodies, BodyMissing
from services.runtime.outcomes import Outage, Refused


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, 3_000_000])
async def test_what_was_put_is_what_is_got(nc: NatsClient, size: int) -> None:
    bodies, data = Bodies(nc.jetstream()), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await bodies.get(await bodies.put(data)) == data


async def test_the_same_bytes_put_twice_are_two_objects(nc: NatsClient) -> None:
    bodies = Bodies(nc.jetstream())
    assert await bodies.put(b"same") != await bodies.put(b"same")


async def test_many_at_once_do_not_mix(nc: NatsClient) -> None:
    bodies = Bodies(nc.jetstream())
    data = [bytes([n]) * 200_000 for n in range(10)]
    refs = await asyncio.gather(*map(bodies.put, data))
    assert await asyncio.gather(*map(bodies.get, refs)) == data


async def test_what_is_not_there_is_said_to_be_missing(nc: NatsClient) -> None:
    with pytest.raises(BodyMissing, match="no longer"):
        await Bodies(nc.jetstream()).get("0" * 32)


async def test_what_is_larger_than_the_limit_is_refused_before_it_is_read(nc: NatsClient) -> None:
    bodies = Bodies(nc.jetstream())
    ref = await bodies.put(b"x" * 1001)
    with pytest.raises(Refused, match="at most 1000"):
        await bodies.get(ref, limit=1000)


async def test_without_its_store_it_is_an_outage(nats_url: str, nc: NatsClient) -> None:
    with pytest.raises(Outage):
        await Bodies(nc.jetstream(), bucket="no-such-bucket").put(b"x")
