"""The connection to NATS: one per process, shared by FastStream's consumers, requests and the publisher."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats
import nats.errors
from faststream.nats import NatsBroker
from faststream.nats.security import NatsCredentials, NatsSecurity, NatsUserPassword
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.runtime import metrics
from services.runtime.deliveries import Lane
from services.runtime.logging import get_logger
from services.runtime.settings import RuntimeSettings

_log = get_logger(__name__)
_SAY_AGAIN_AFTER = 60.0
_FETCH_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)

Fetch = Callable[..., Awaitable[list[Any]]]


class _Broker(NatsBroker):
    """FastStream raises out of nats-py's error callback on "authorization violation" and "stale connection", which ends
    nats-py's own task of reconnecting: after a frozen server the client would stay neither connected nor closed.

    It also declares a consumer that is missing, with none of the declared properties: here it only binds."""

    lanes: Mapping[str, Lane]

    async def _connect(self) -> Client:
        ours = {"error_cb": _Complaints().hear, "reconnected_cb": _on_reconnect}
        connection = await nats.connect(**{**self._connection_kwargs, **ours})
        self.config.connect(connection)
        js: Any = self.config.connection_state.stream

        async def bind(subject: str, *, durable: str, stream: str, config: object, **options: Any) -> object:
            pulls = await js.pull_subscribe_bind(durable=durable, stream=stream, **options)
            pulls.fetch = patient(pulls.fetch, self.lanes[durable])
            return pulls

        js.pull_subscribe = bind
        return connection


class _Complaints:
    """What the client library complains of, said once a minute however often it repeats itself."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    async def hear(self, error: Exception) -> None:
        now = time.monotonic()
        if self._said.get(str(error), -math.inf) + _SAY_AGAIN_AFTER < now:
            self._said = {text: at for text, at in self._said.items() if at + _SAY_AGAIN_AFTER >= now}
            self._said[str(error)] = now
            _log.warning("NATS says", error=error)


def open_broker(
    settings: RuntimeSettings, lanes: Mapping[str, Lane], closed: Callable[[], Awaitable[None]]
) -> NatsBroker:
    """Not connected yet. `closed` is awaited when the client gives up for good (credentials refused)."""
    broker = _Broker(
        [url.strip() for url in settings.nats_url.split(",")],
        name=f"replywire-{settings.service}-{settings.instance_id}",
        security=_security(settings),
        inbox_prefix=settings.inbox_prefix,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=5,
        ping_interval=10,
        max_outstanding_pings=2,
        pending_size=8 * 2**20,
        graceful_timeout=settings.graceful_timeout,
        apply_types=False,
        logger=logging.getLogger("faststream"),
        disconnected_cb=_on_disconnect,
        closed_cb=closed,
    )
    broker.lanes = lanes
    return broker


def _security(settings: RuntimeSettings) -> NatsSecurity | None:
    context = ssl.create_default_context(cafile=settings.nats_ca_file) if settings.nats_ca_file else None
    if settings.nats_creds is not None:
        return NatsCredentials(str(settings.nats_creds), ssl_context=context)
    if settings.nats_user is not None:
        return NatsUserPassword(settings.nats_user, settings.nats_password or "", ssl_context=context)
    return None if context is None else NatsSecurity(ssl_context=context)


async def connect(broker: NatsBroker) -> None:
    """Tries for ever: an order of starting is nobody's duty."""
    pause = 0.2
    while True:
        try:
            await broker.connect()
            return
        except (nats.errors.Error, OSError, TimeoutError) as error:
            _log.warning("NATS is not reachable, trying again", error=error, pause=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


async def close(broker: NatsBroker) -> None:
    """Send what is still to be sent, where the server is there to take it."""
    try:
        await broker.stop()
    except (nats.errors.Error, TimeoutError) as error:
        _log.info("NATS connection not drained", error=error)
        await broker.connection.close()


def jetstream(broker: NatsBroker) -> JetStreamContext:
    return broker.config.broker_config.connection_state.connection.jetstream(timeout=5)


async def settled(nc: Client) -> None:
    """Returns once the server has read all that was subscribed to and published here before.

    One `flush` does not do: nats-py writes its ping at once, ahead of what still waits to be written. What waited is
    written before the pong can come back, so that the second ping follows it.
    """
    for _ in range(2):
        await nc.flush()


def patient(fetch: Fetch, lane: Lane) -> Fetch:
    """Each consumer pulls as much as its lane has room for. A pull the server refuses (a consumer deleted, a store
    wiped) is asked again with growing pauses and counted: FastStream would ask again at once, for ever, and say so once
    at most."""
    consumer = lane.route.consumer.durable
    refused = 0

    async def pull(batch: int, timeout: float) -> list[Any]:
        nonlocal refused
        if batch < lane.concurrency:
            raise nats.errors.TimeoutError  # FastStream would fill its batch up: what is there must not wait for more
        try:
            messages = await fetch(batch=await lane.room(), timeout=timeout)
        except TimeoutError:  # nats-py raises both its own and the plain one
            messages = []
        except nats.errors.Error as error:
            metrics.FETCH_ERRORS.labels(consumer).inc()
            pause = _FETCH_PAUSES[min(refused, len(_FETCH_PAUSES) - 1)]
            if refused == 0:
                _log.error("consumer cannot pull, trying again", consumer=consumer, error=error)
            refused += 1
            await asyncio.sleep(pause)
            return []
        refused = 0
        return messages

    return pull


async def _on_disconnect() -> None:
    _log.info("NATS connection lost")


async def _on_reconnect() -> None:
    _log.info("NATS connection is back")
