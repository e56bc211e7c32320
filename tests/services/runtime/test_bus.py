"""A nats-server that dies, freezes or forgets, under a running service."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import timedelta

import httpx
import nats
import pytest
from replywire_contracts.streams import CONSUMERS, DEAD_LETTERS, SEND_REQUESTS, Consumer
from replywire_contracts.v1.rpc import KeyHolder, VerifyKey
from replywire_contracts.v1.send import SendCancelRequested, SendRequested

from services.runtime.app import App, BusClosed
from services.runtime.consume import consume
from services.runtime.provision import consumer_config, provision_bus
from services.runtime.rpc import serve
from services.runtime.settings import RuntimeSettings
from tests.servers.choice import RunningServer
from tests.services.runtime.conftest import STREAM_BYTES, running
from tests.services.runtime.events import send_requested

Settings = Callable[..., RuntimeSettings]
REQUESTED = next(consumer for consumer in CONSUMERS if consumer.durable == "send-requested")
CANCEL = next(consumer for consumer in CONSUMERS if consumer.durable == "send-cancel-requested")


async def provisioned(server: RunningServer) -> None:
    connection = await nats.connect(server.url)
    try:
        await provision_bus(connection, stream_max_bytes=STREAM_BYTES)
    finally:
        await connection.close()


async def ready(app: App) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(f"http://127.0.0.1:{app.server.port}/ready", timeout=10)


async def until_ready(app: App, status: int = 200) -> httpx.Response:
    async with asyncio.timeout(30):
        while (answer := await ready(app)).status_code != status:
            await asyncio.sleep(0.1)
    return answer


def echo(app: App) -> asyncio.Queue[str]:
    """Handlers of both kinds on the app; the queue gets what was handled."""
    handled = asyncio.Queue[str]()

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        handled.put_nowait(event.request_id)

    @consume(app, CANCEL, SendCancelRequested)
    async def on_cancel(event: SendCancelRequested) -> None:
        handled.put_nowait(f"cancel {event.request_id}")

    @serve(app, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    return handled


async def test_every_consumer_and_requests_survive_a_killed_and_restarted_server(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    app = App(settings(nats_url=own_nats.url))
    handled = echo(app)
    async with running(app):
        for _ in range(2):
            own_nats.kill()
            await own_nats.start()
            await until_ready(app)
            event = send_requested()
            await app.publisher.publish(event)
            cancel = SendCancelRequested(
                id=f"cancel-{event.id}",
                occurred_at=event.occurred_at,
                team_id="acme",
                correlation_id="c",
                request_id=event.request_id,
            )
            await app.publisher.publish(cancel)
            async with asyncio.timeout(20):
                missing = {event.request_id, f"cancel {event.request_id}"}
                while missing:  # and, where an acknowledgement died with the server, those of the last round again
                    missing.discard(await handled.get())
                assert (await app.rpc.call(VerifyKey(key_hash="0" * 64))).team_id == "acme"


async def test_what_was_published_while_a_service_was_away_reaches_it_in_the_end(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    connection = await nats.connect(own_nats.url)
    events = [send_requested() for _ in range(50)]
    for event in events:
        await connection.jetstream().publish(event.nats_subject, event.encode())
    await connection.close()
    app = App(settings(nats_url=own_nats.url))
    handled = echo(app)
    async with running(app), asyncio.timeout(20):
        assert {await handled.get() for _ in events} == {event.request_id for event in events}


@pytest.mark.usefixtures("embedded_only")
async def test_a_wiped_store_is_reported_by_readiness_and_provisioning_heals_it(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    app = App(settings(nats_url=own_nats.url))
    handled = echo(app)
    async with running(app):
        await own_nats.stop()
        shutil.rmtree(own_nats.store)  # type: ignore[attr-defined]
        await own_nats.start()
        async with asyncio.timeout(30):
            while "provision" not in (answer := await until_ready(app, 503)).json()["problems"].get("jetstream", ""):
                await asyncio.sleep(0.1)
        assert "does not exist" in answer.json()["problems"]["jetstream"]
        await provisioned(own_nats)
        await until_ready(app)
        event = send_requested()
        await app.publisher.publish(event)
        async with asyncio.timeout(20):
            assert await handled.get() == event.request_id


async def test_a_frozen_server_makes_readiness_fail_and_a_thawed_one_heals_it(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    app = App(settings(nats_url=own_nats.url))
    echo(app)
    async with running(app):
        assert (await ready(app)).status_code == 200
        own_nats.freeze()
        answer = await ready(app)
        own_nats.thaw()
        assert answer.status_code == 503
        assert "jetstream" in answer.json()["problems"]
        await until_ready(app)


async def test_a_service_started_before_its_bus_waits_for_it(own_nats: RunningServer, settings: Settings) -> None:
    await own_nats.stop()
    app = App(settings(nats_url=own_nats.url))
    echo(app)
    run = asyncio.create_task(app.run())
    async with asyncio.timeout(30):
        while not app.server.port:
            await asyncio.sleep(0.01)
    assert (await ready(app)).json()["problems"] == {"service": "starting"}
    await own_nats.start()
    answer = await until_ready(app, 503)
    await provisioned(own_nats)
    await until_ready(app)
    assert "problems" in answer.json()
    app.stop()
    await run


async def test_a_message_the_server_gave_up_is_swept_into_the_dead_letters(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    connection = await nats.connect(own_nats.url)
    js = connection.jetstream()
    hasty = Consumer(
        REQUESTED.durable, REQUESTED.stream, REQUESTED.subjects, "send", timedelta(milliseconds=300), max_deliver=2
    )
    await js.add_consumer(SEND_REQUESTS.name, consumer_config(hasty))
    event = send_requested()
    await js.publish(event.nats_subject, event.encode(), headers=event.nats_headers())
    dying = await js.pull_subscribe_bind(REQUESTED.durable, SEND_REQUESTS.name)
    for _ in range(2):
        await dying.fetch(1, timeout=5)  # and dies each time: no acknowledgement of any kind
    with pytest.raises(nats.errors.TimeoutError):
        await dying.fetch(1, timeout=1)

    app = App(settings(nats_url=own_nats.url))

    @consume(app, CANCEL, SendCancelRequested)
    async def on_cancel(event: SendCancelRequested) -> None: ...

    async with running(app), asyncio.timeout(30):
        letters = await js.pull_subscribe("dead.v1.>", stream=DEAD_LETTERS.name)
        (letter,) = await letters.fetch(1, timeout=20)
        assert SendRequested.decode(letter.data) == event
        assert (letter.headers or {})["reason"].startswith("undelivered")
        while (await js.stream_info(SEND_REQUESTS.name)).state.messages:
            await asyncio.sleep(0.05)
    await connection.close()


async def test_a_reply_too_large_for_the_bus_is_a_refusal_and_not_silence(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    app = App(settings("auth", nats_url=own_nats.url))

    @serve(app, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        return KeyHolder(key_id="k" * 2_000_000, team_id="acme", scopes=())

    async with running(app):
        with pytest.raises(Exception, match="too_large"):
            await app.rpc.call(VerifyKey(key_hash="0" * 64))


async def test_a_server_frozen_until_its_connection_is_stale_is_found_again(
    own_nats: RunningServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provisioned(own_nats)
    app = App(settings(nats_url=own_nats.url))
    app.broker._connection_kwargs["ping_interval"] = 1  # stale after three seconds rather than thirty
    handled = echo(app)
    async with running(app), asyncio.timeout(60):
        own_nats.freeze()
        while app.nc.is_connected:
            await asyncio.sleep(0.1)
        own_nats.thaw()
        await until_ready(app)
        event = send_requested()
        await app.publisher.publish(event)
        assert await handled.get() == event.request_id


async def test_a_bus_closed_for_good_ends_the_process_with_its_reason(
    own_nats: RunningServer, settings: Settings
) -> None:
    await provisioned(own_nats)
    app = App(settings(nats_url=own_nats.url))
    run = asyncio.create_task(app.run())
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while await app.health.problems():
            await asyncio.sleep(0.05)
        await app.nc.close()
        with pytest.raises(BusClosed, match="for good"):
            await run
