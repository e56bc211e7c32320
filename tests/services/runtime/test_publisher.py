"""Events out: stored or said to be unknown, with their headers and the trace that caused them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import nats
import pytest
from nats.aio.client import Client as NatsClient
from replywire_contracts.streams import CONSUMERS, SEND_REQUESTS, SENDS
from replywire_contracts.v1.send import SendRequested

from services.runtime import tracing
from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.outcomes import Action, decide
from services.runtime.provision import provision_bus
from services.runtime.publisher import Publisher, PublishRefused, PublishUnknown
from services.runtime.settings import RuntimeSettings
from tests.servers.choice import RunningServer
from tests.services.runtime.conftest import running
from tests.services.runtime.events import send_accepted, send_requested

REQUESTED = next(consumer for consumer in CONSUMERS if consumer.durable == "send-requested")
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def last(nc: NatsClient, stream: str) -> dict[str, str]:
    js = nc.jetstream()
    message = await js.get_msg(stream, (await js.stream_info(stream)).state.last_seq)
    return message.headers or {}


async def outcome(publisher: Publisher) -> Exception | None:
    try:
        await publisher.publish(send_requested())
    except (PublishUnknown, PublishRefused) as error:
        return error
    return None


async def test_an_event_carries_its_id_its_cloudevents_attributes_and_its_stream(nc: NatsClient) -> None:
    event = send_accepted()
    await Publisher(nc.jetstream()).publish(event)
    headers = await last(nc, SENDS.name)
    assert headers["Nats-Msg-Id"] == headers["ce-id"] == event.id
    assert headers["ce-type"] == event.kind()
    assert headers["Nats-Expected-Stream"] == SENDS.name


async def test_a_trace_goes_through_a_handler_into_what_it_publishes(
    nc: NatsClient, settings: Callable[..., RuntimeSettings]
) -> None:
    app, published = App(settings()), asyncio.Event()

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        await app.publisher.publish(send_accepted(event.request_id))
        published.set()

    async with running(app), asyncio.timeout(20):
        with tracing.incoming("product", {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}):
            await app.publisher.publish(send_requested())
        await published.wait()
        assert TRACE in (await last(nc, SENDS.name))["traceparent"]


async def test_an_event_too_large_for_the_bus_is_refused_for_good(nc: NatsClient) -> None:
    with pytest.raises(PublishRefused, match="too_large"):
        await Publisher(nc.jetstream()).publish(send_requested(metadata={"x": "y" * 2_000_000}))


async def test_a_full_stream_refuses_for_now_and_drops_nothing(nc: NatsClient) -> None:
    js = nc.jetstream()
    config = (await js.stream_info(SEND_REQUESTS.name)).config
    config.max_bytes = 4096
    await js.update_stream(config)
    publisher = Publisher(js)
    answers = [await outcome(publisher) for _ in range(30)]
    refused = [answer for answer in answers if answer is not None]
    assert 0 < len(refused) < 30
    assert all(isinstance(answer, PublishUnknown) for answer in refused)
    assert decide(refused[0], delivery=1, max_deliver=10).action is Action.WAIT
    assert (await js.stream_info(SEND_REQUESTS.name)).state.messages == 30 - len(refused)


async def test_a_frozen_server_leaves_an_event_unknown_and_asking_again_stores_it_once(
    own_nats: RunningServer,
) -> None:

    connection = await nats.connect(own_nats.url)
    await provision_bus(connection, stream_max_bytes=2**20)
    publisher, event = Publisher(connection.jetstream(), timeout=0.5), send_accepted()
    own_nats.freeze()
    with pytest.raises(PublishUnknown):
        await publisher.publish(event)
    own_nats.thaw()
    await Publisher(connection.jetstream(), timeout=10).publish(event)
    assert (await connection.jetstream().stream_info(SENDS.name)).state.messages == 1
    await connection.close()


async def test_many_are_under_way_at_once_and_each_is_stored(nc: NatsClient) -> None:
    publisher = Publisher(nc.jetstream(), max_in_flight=50)
    await asyncio.gather(*(publisher.publish(send_accepted()) for _ in range(500)))
    assert (await nc.jetstream().stream_info(SENDS.name)).state.messages == 500
