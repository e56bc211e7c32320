"""Deliveries on a real nats-server: what is acknowledged, what comes again, and what ends as a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from prometheus_client import REGISTRY
from replywire_contracts.streams import CONSUMERS, DEAD_LETTERS, SEND_REQUESTS
from replywire_contracts.v1.send import SendRequested

from services.runtime import outcomes
from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.outcomes import Malformed, Outage, Refused
from services.runtime.provision import consumer_config
from services.runtime.publisher import Publisher
from services.runtime.settings import RuntimeSettings
from tests.services.runtime.conftest import running
from tests.services.runtime.events import send_requested

Settings = Callable[..., RuntimeSettings]
REQUESTED = next(consumer for consumer in CONSUMERS if consumer.durable == "send-requested")


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's delays in hundredths of their seconds: it is the order of things that is tested."""
    monkeypatch.setattr(outcomes, "DELAYS", tuple(delay / 100 for delay in outcomes.DELAYS))
    monkeypatch.setattr(outcomes, "OUTAGE_DELAYS", (0.01,))


async def dead_letter(nc: NatsClient) -> Msg:
    """The next one in the stream."""
    pull = await nc.jetstream().pull_subscribe("dead.v1.>", stream=DEAD_LETTERS.name)
    async with asyncio.timeout(20):
        (message,) = await pull.fetch(1, timeout=20)
    return message


async def until_empty(nc: NatsClient, stream: str) -> None:
    async with asyncio.timeout(30):
        while await left_in(nc, stream):
            await asyncio.sleep(0.01)


async def left_in(nc: NatsClient, stream: str) -> int:
    return (await nc.jetstream().stream_info(stream)).state.messages


async def test_a_handled_event_is_acknowledged_and_gone_from_its_work_queue(nc: NatsClient, settings: Settings) -> None:
    app, handled = App(settings()), asyncio.Queue[SendRequested]()

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        handled.put_nowait(event)

    async with running(app):
        event = send_requested()
        await app.publisher.publish(event)
        async with asyncio.timeout(30):
            assert await handled.get() == event
        await until_empty(nc, SEND_REQUESTS.name)


async def test_how_many_wait_at_the_server_is_measured(nc: NatsClient, settings: Settings) -> None:
    app, go_on = App(settings()), asyncio.Event()

    @consume(app, REQUESTED, SendRequested, concurrency=1)
    async def on_send_requested(event: SendRequested) -> None:
        await go_on.wait()

    def measured() -> float | None:
        return REGISTRY.get_sample_value("replywire_consumer_pending", {"consumer": REQUESTED.durable})

    for _ in range(4):
        await Publisher(nc.jetstream()).publish(send_requested())
    async with running(app), asyncio.timeout(30):
        while measured() != 3:
            await asyncio.sleep(0.01)
        go_on.set()
        await until_empty(nc, SEND_REQUESTS.name)
        assert measured() == 0


async def test_an_exception_is_retried_with_growing_delay_and_ends_as_a_dead_letter_with_its_payload(
    nc: NatsClient, settings: Settings
) -> None:
    app, tries = App(settings()), []

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        tries.append(asyncio.get_running_loop().time())
        raise RuntimeError("a bug")

    async with running(app):
        event = send_requested()
        await app.publisher.publish(event)
        letter = await dead_letter(nc)
        assert len(tries) == REQUESTED.max_deliver
        assert tries[5] - tries[4] > tries[1] - tries[0]
        assert letter.subject == f"dead.v1.send.{event.nats_subject}"
        assert SendRequested.decode(letter.data) == event
        headers = letter.headers or {}
        assert headers["deliveries"] == "10"
        assert headers["stream"] == SEND_REQUESTS.name
        assert "RuntimeError: a bug" in headers["error"]
        assert headers["ce-id"] == event.id
        await until_empty(nc, SEND_REQUESTS.name)


async def test_an_undecodable_payload_is_a_dead_letter_at_once_and_the_hook_hears_of_it(
    nc: NatsClient, settings: Settings
) -> None:
    app, heard = App(settings()), list[tuple[bytes, Malformed]]()

    async def on_malformed(raw: bytes, error: Malformed, headers: object) -> None:
        heard.append((raw, error))

    @consume(app, REQUESTED, SendRequested, on_malformed=on_malformed)
    async def on_send_requested(event: SendRequested) -> None:
        raise AssertionError("it cannot have been read")

    async with running(app):
        await nc.jetstream().publish("mail.v1.send.requested.acme", b'{"request_id": "r-1", "to": 7}')
        letter = await dead_letter(nc)
        headers = letter.headers or {}
        assert letter.data == b'{"request_id": "r-1", "to": 7}'
        assert (headers["reason"], headers["deliveries"]) == ("malformed", "1")
        ((raw, error),) = heard
        assert raw == letter.data
        assert error.field
        await until_empty(nc, SEND_REQUESTS.name)


async def test_a_refused_event_is_a_dead_letter_with_its_reason(nc: NatsClient, settings: Settings) -> None:
    app = App(settings())

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        raise Refused("other_content")

    async with running(app):
        await app.publisher.publish(send_requested())
        headers = (await dead_letter(nc)).headers or {}
        assert (headers["reason"], headers["error"]) == ("refused", "Refused: other_content")


async def test_an_outage_is_waited_for_and_costs_no_delivery(nc: NatsClient, settings: Settings) -> None:
    app, tries, done = App(settings()), [], asyncio.Event()

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        tries.append(event.id)
        if len(tries) <= 3 * REQUESTED.max_deliver:
            raise Outage("the database is away")
        done.set()

    async with running(app):
        await app.publisher.publish(send_requested())
        async with asyncio.timeout(20):
            await done.wait()
        info = await nc.jetstream().consumer_info(SEND_REQUESTS.name, REQUESTED.durable)
        assert info.num_redelivered == 0
    assert await left_in(nc, DEAD_LETTERS.name) == 0


async def test_a_cancelled_handler_is_delivered_again(nc: NatsClient, settings: Settings) -> None:
    app, began = App(settings(graceful_timeout=0.2)), asyncio.Event()

    @consume(app, REQUESTED, SendRequested)
    async def stuck(event: SendRequested) -> None:
        began.set()
        await asyncio.Event().wait()

    async with running(app):
        event = send_requested()
        await app.publisher.publish(event)
        async with asyncio.timeout(30):
            await began.wait()

    second, handled = App(settings()), asyncio.Queue[SendRequested]()

    @consume(second, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        handled.put_nowait(event)

    async with running(second), asyncio.timeout(40):
        assert await handled.get() == event


async def test_stopping_finishes_what_is_in_flight(nc: NatsClient, settings: Settings) -> None:
    app, began, may_end, ended = App(settings()), asyncio.Event(), asyncio.Event(), []

    @consume(app, REQUESTED, SendRequested)
    async def slow(event: SendRequested) -> None:
        began.set()
        await may_end.wait()
        ended.append(event.id)

    @app.on_stop
    async def after_all_handlers() -> None:
        ended.append("hook")

    async with running(app):
        await app.publisher.publish(send_requested())
        async with asyncio.timeout(30):
            await began.wait()
        app.stop()
        asyncio.get_running_loop().call_later(0.3, may_end.set)
    assert len(ended) == 2
    assert ended[-1] == "hook"
    assert await left_in(nc, SEND_REQUESTS.name) == 0


async def test_a_handler_slower_than_the_acknowledgement_time_that_an_operator_set_keeps_its_message(
    nc: NatsClient, settings: Settings
) -> None:
    await nc.jetstream().add_consumer(SEND_REQUESTS.name, consumer_config(REQUESTED, 1.0))
    app, tries, done = App(settings()), [], asyncio.Event()

    @consume(app, REQUESTED, SendRequested)
    async def slow(event: SendRequested) -> None:
        tries.append(event.id)
        await asyncio.sleep(3)
        done.set()

    async with running(app):
        await app.publisher.publish(send_requested())
        async with asyncio.timeout(20):
            await done.wait()
    assert len(tries) == 1


async def test_slow_handlers_hold_up_no_other_message_and_take_none_they_cannot_begin(
    nc: NatsClient, settings: Settings
) -> None:
    app, release, begun = App(settings()), asyncio.Event(), asyncio.Queue[str]()

    @consume(app, REQUESTED, SendRequested, concurrency=4)
    async def on_send_requested(event: SendRequested) -> None:
        begun.put_nowait(event.request_id)
        if event.request_id.startswith("slow"):
            await release.wait()

    async with running(app), asyncio.timeout(20):
        for n in range(3):
            await app.publisher.publish(send_requested(f"slow-{n}"))
        for n in range(20):
            await app.publisher.publish(send_requested(f"quick-{n}"))
        assert {await begun.get() for _ in range(23)} >= {f"quick-{n}" for n in range(20)}
        await app.publisher.publish(send_requested("slow-3"))
        while await begun.get() != "slow-3":
            pass
        await app.publisher.publish(send_requested("waits-at-the-server"))
        while True:  # the server counts for its consumers a moment after it confirmed the publish
            info = await nc.jetstream().consumer_info(SEND_REQUESTS.name, REQUESTED.durable)
            if info.num_ack_pending + info.num_pending == 5:
                break
        assert (info.num_ack_pending, info.num_pending) == (4, 1)
        release.set()
        assert await begun.get() == "waits-at-the-server"


async def test_the_same_event_published_twice_is_stored_once(nc: NatsClient) -> None:
    publisher, event = Publisher(nc.jetstream()), send_requested()
    await publisher.publish(event)
    await publisher.publish(event)
    assert await left_in(nc, SEND_REQUESTS.name) == 1
