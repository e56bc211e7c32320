"""Puts events on their streams and waits for the server's acknowledgement; many may be under way at once."""

from __future__ import annotations

import asyncio

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from replywire_contracts.catalogue import stream_of
from replywire_contracts.event import Event

from services.runtime import metrics, tracing
from services.runtime.outcomes import Outage, Refused

_STREAMS: dict[type[Event], str] = {}


class PublishUnknown(Outage):
    """No acknowledgement came. The event may be stored now, later, or never: publish it again, its id is the same."""


class PublishRefused(Refused):
    """The server will never take this event as it is (too large)."""


def stream_name(event: type[Event]) -> str:
    name = _STREAMS.get(event)
    if name is None:
        name = _STREAMS[event] = stream_of(event).name
    return name


class Publisher:
    def __init__(self, js: JetStreamContext, *, timeout: float = 5.0, max_in_flight: int = 2000) -> None:
        self._js = js
        self._timeout = timeout
        self._slots = asyncio.Semaphore(max_in_flight)

    async def publish(self, event: Event, *, trace: dict[str, str] | None = None, payload: bytes | None = None) -> None:
        """Returns once the stream has stored it. `trace`: headers kept from when it was caused. `payload`: the event
        as it was encoded then.

        Raises `PublishUnknown`, `PublishRefused`."""
        headers = {**event.nats_headers(), **(tracing.outgoing() if trace is None else trace)}
        payload = event.encode() if payload is None else payload
        await self.put(event.nats_subject, payload, stream=stream_name(type(event)), headers=headers)
        metrics.PUBLISHED.labels(event.kind(), "stored").inc()

    async def put(self, subject: str, payload: bytes, *, stream: str, headers: dict[str, str]) -> None:
        """The same for bytes that are an event already, or a dead letter."""
        try:
            async with self._slots:
                await self._js.publish(subject, payload, timeout=self._timeout, stream=stream, headers=dict(headers))
        except nats.errors.MaxPayloadError as error:
            metrics.PUBLISHED.labels(_kind(subject), "refused").inc()
            raise PublishRefused(
                f"too_large: {len(payload)} octets exceed the bus's limit; send large bodies by reference"
            ) from error
        except (nats.errors.Error, TimeoutError) as error:
            metrics.PUBLISHED.labels(_kind(subject), "unknown").inc()
            raise PublishUnknown(f"{subject} was not acknowledged by stream {stream}: {error!s}") from error


def _kind(subject: str) -> str:
    return ".".join(subject.split(".")[:4])
