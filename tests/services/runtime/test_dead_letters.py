"""Dead letters are found by service, and can be carried out after all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nats.aio.client import Client as NatsClient
from prometheus_client import REGISTRY
from replywire_contracts.streams import CONSUMERS, SEND_REQUESTS
from replywire_contracts.v1.send import SendRequested

from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.dead_letters import DeadLetters, read, redrive
from services.runtime.outcomes import Refused
from services.runtime.publisher import Publisher
from services.runtime.settings import RuntimeSettings
from tests.services.runtime.conftest import running
from tests.services.runtime.events import send_requested

REQUESTED = next(consumer for consumer in CONSUMERS if consumer.durable == "send-requested")


async def test_they_are_listed_by_service_page_by_page(nc: NatsClient) -> None:
    js = nc.jetstream()
    for service in ("send", "inbox_sync"):
        letters = DeadLetters(Publisher(js), service)
        for seq in range(1, 6):
            await letters.put(
                "mail.v1.send.requested.acme",
                b"{}",
                headers={"ce-id": str(seq)},
                reason="refused",
                error=ValueError("first line\r\nInjected: header é"),
                deliveries=1,
                stream="SEND_REQUESTS",
                seq=seq,
            )
    first = await read(js, "send", limit=3)
    rest = await read(js, "send", after=first[-1].number)
    assert [letter.headers["seq"] for letter in first + rest] == ["1", "2", "3", "4", "5"]
    assert {letter.service for letter in first + rest} == {"send"}
    assert len(await read(js)) == 10
    assert "Injected" not in first[0].headers
    assert first[0].error.startswith("ValueError: first line Injected: header")


async def test_the_same_message_dies_once_however_often_it_is_written(nc: NatsClient) -> None:
    js = nc.jetstream()
    for _ in range(3):
        await DeadLetters(Publisher(js), "send").put(
            "mail.v1.send.requested.acme", b"{}", headers=None, reason="x", error=None, deliveries=1, stream="S", seq=1
        )
    assert len(await read(js)) == 1


async def test_a_redriven_letter_is_handled_as_if_for_the_first_time(
    nc: NatsClient, settings: Callable[..., RuntimeSettings]
) -> None:
    app, repaired, handled = App(settings()), asyncio.Event(), asyncio.Queue[SendRequested]()

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        if not repaired.is_set():
            raise Refused("a bug of ours")
        handled.put_nowait(event)

    def counted() -> float:
        return REGISTRY.get_sample_value("replywire_dead_letters_total", {"service": "send"}) or 0

    before = counted()
    async with running(app), asyncio.timeout(20):
        event = send_requested()
        await app.publisher.publish(event)
        while not (letters := await read(nc.jetstream(), "send")):
            await asyncio.sleep(0.01)
        assert counted() == before + 1
        repaired.set()
        letter = await redrive(nc.jetstream(), letters[0].number)
        assert letter.subject == event.nats_subject
        assert await handled.get() == event
        while (await nc.jetstream().stream_info(SEND_REQUESTS.name)).state.messages:
            await asyncio.sleep(0.01)
