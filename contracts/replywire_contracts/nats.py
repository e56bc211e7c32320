"""A thin typed client on NATS (extra `nats`): publish what you want sent, subscribe to what became of it.

Nobody needs to know subjects, streams or consumers:

    async with await Replywire.connect("nats://127.0.0.1:4222") as replywire:
        await replywire.publish(SendRequested(team_id="acme", request_id="r-1", account_id="acc_1", to=[...]))
        async for event in replywire.subscribe(ReplyDetected, team="acme", durable="crm"):
            ...
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, Self, TypeVar

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import (
    APIError,
    NoStreamResponseError,
    NotFoundError,
    ObjectNotFoundError,
    ServiceUnavailableError,
)

from replywire_contracts.catalogue import stream_of
from replywire_contracts.event import Event
from replywire_contracts.streams import BODIES
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Attachment, Body

E = TypeVar("E", bound=Event)

INLINE_LIMIT = 512 * 1024
"""Octets an encoded event may have; what is more goes to the object store first (NATS' own limit is 1 MiB)."""

_TRACE = ("traceparent", "tracestate")
_ACK_WAIT_SECONDS = 60.0
_BATCH = 32
_FETCH_SECONDS = 5.0
"""A pull that a dying server forgot is asked again after this."""
_PAUSE_SECONDS = 0.5
_log = logging.getLogger(__name__)


class PublishUnknown(Exception):
    """No answer came: the event may or may not be stored. Publish the same event again; its id makes that harmless."""


class Subscription(Generic[E]):
    """A durable place in a stream.

    An event is acknowledged when the loop asks for the next one, that is after the loop's body ran without an
    exception; one that was not acknowledged comes again. Entered by `async with`, the place exists from there on (so
    nothing published afterwards is missed), and leaving without an exception acknowledges the last event too.
    """

    def __init__(
        self, jetstream: JetStreamContext, kinds: tuple[type[E], ...], team: str, durable: str, from_start: bool
    ) -> None:
        streams = {stream_of(kind).name for kind in kinds}
        if len(streams) != 1:
            raise ValueError(f"subscribe to the kinds of one stream at a time; these are kept in {sorted(streams)}")
        self._jetstream = jetstream
        self._stream = streams.pop()
        self._durable = durable
        self._models = {kind.kind(): kind for kind in kinds}
        self._config = ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_SECONDS,
            deliver_policy=DeliverPolicy.ALL if from_start else DeliverPolicy.NEW,
            filter_subjects=[f"{kind}.{team}" for kind in self._models],
        )
        self._pull: JetStreamContext.PullSubscription | None = None
        self._in_hand: deque[Msg] = deque()
        self._done = 0
        """The stream's number of the last event acknowledged, as far as is known here."""

    async def __aenter__(self) -> Self:
        await self._take_place(self._config)
        self._pull = await self._jetstream.pull_subscribe_bind(durable=self._durable, stream=self._stream)
        return self

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._in_hand and failure is None:
            await self._in_hand.popleft().ack()
        while self._in_hand:
            await self._in_hand.popleft().nak()
        if self._pull is not None:
            await self._pull.unsubscribe()

    async def __aiter__(self) -> AsyncIterator[E]:
        if self._pull is None:
            await self.__aenter__()
        assert self._pull is not None
        while True:
            try:
                # Without a heartbeat: nats-py 2.16 makes no use of it, and sends it with pulls too short for one, which
                # the server answers by "400 Bad Request - heartbeat value too large".
                self._in_hand.extend(await self._pull.fetch(_BATCH, timeout=_FETCH_SECONDS))
            except (NatsTimeout, TimeoutError):
                continue
            except APIError as told:
                # The server stops, starts or elects a leader, or somebody deleted our place.
                _log.warning("subscription %s goes on once the server is back: %s", self._durable, told)
                await self._find_place_again()
                continue
            async with self._kept_alive():
                while self._in_hand:
                    message = self._in_hand[0]
                    yield self._models[message.subject.rpartition(".")[0]].decode(message.data)
                    await message.ack()
                    self._done = max(self._done, message.metadata.sequence.stream)
                    self._in_hand.popleft()

    @property
    def trace(self) -> dict[str, str]:
        """The trace of the event that the loop has in hand, as the headers of W3C Trace Context: what OpenTelemetry's
        `extract` reads. Empty where nobody traces."""
        headers = (self._in_hand[0].headers or {}) if self._in_hand else {}
        return {name: headers[name] for name in _TRACE if name in headers}

    async def _take_place(self, config: ConsumerConfig) -> None:
        try:
            place = await self._jetstream.consumer_info(self._stream, self._durable)
        except NotFoundError:
            place = await self._jetstream.add_consumer(self._stream, config)
        self._require_own(place.config)
        if place.ack_floor is not None:
            self._done = max(self._done, place.ack_floor.stream_seq)

    def _require_own(self, stored: ConsumerConfig) -> None:
        """One name, one place: under another team's it would bring that team's events."""
        theirs = set(stored.filter_subjects or [stored.filter_subject or ""])
        if theirs != set(self._config.filter_subjects or ()):
            raise ValueError(
                f"the durable name {self._durable!r} is taken, by a subscription to {sorted(theirs)}: "
                "give each team and each choice of kinds a name of its own"
            )

    async def _find_place_again(self) -> None:
        """Where it is gone, a new one begins after the last event that was acknowledged.

        Raises `nats.errors.ConnectionClosedError` where the connection ended for good."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                stream = await self._jetstream.stream_info(self._stream)
                if stream.state.last_seq < self._done:
                    self._done = 0  # another stream under the same name: all it holds is new
                policy = DeliverPolicy.BY_START_SEQUENCE
                return await self._take_place(self._config.evolve(deliver_policy=policy, opt_start_seq=self._done + 1))
            except (NatsTimeout, TimeoutError, APIError):
                continue  # told above; the server is not back yet

    @contextlib.asynccontextmanager
    async def _kept_alive(self) -> AsyncIterator[None]:
        """Tell the server every third of the wait that what was fetched is still being worked on."""

        async def remind() -> None:
            while True:
                await asyncio.sleep(_ACK_WAIT_SECONDS / 3)
                for message in tuple(self._in_hand):
                    await message.in_progress()

        reminder = asyncio.create_task(remind())
        try:
            yield
        finally:
            reminder.cancel()


class Replywire:
    """One connection. Reconnects by itself, for ever."""

    def __init__(self, connection: Client) -> None:
        self.connection = connection
        self._jetstream: JetStreamContext = connection.jetstream()

    @classmethod
    async def connect(cls, servers: str | list[str] = "nats://127.0.0.1:4222", **options: Any) -> Self:
        """`options` are those of `nats.connect` (user, password, user_credentials, tls, …)."""
        options = {"max_reconnect_attempts": -1, "name": "replywire-contracts"} | options
        return cls(await nats.connect(servers, **options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.drain()

    async def publish(self, event: Event, *, timeout: float = 5.0, trace: Mapping[str, str] | None = None) -> None:
        """Store the event; returns once the server has it. Publishing the same event twice is harmless.

        `trace`: your own, as the headers of W3C Trace Context that OpenTelemetry's `inject` fills in; the events that
        tell what became of it carry it on.

        Bodies and attachments too large for an event go to the object store first. Raises `PublishUnknown` where no
        answer came within `timeout` seconds.
        """
        payload = event.encode()
        if len(payload) > INLINE_LIMIT and isinstance(event, SendRequested):
            event = await self._lightened(event)
            payload = event.encode()
        try:
            await self._jetstream.publish(
                event.nats_subject,
                payload,
                stream=stream_of(type(event)).name,
                headers=event.nats_headers() | {name: trace[name] for name in _TRACE if trace and name in trace},
                timeout=timeout,
            )
        except (NatsTimeout, TimeoutError) as silence:
            raise PublishUnknown(f"no answer about {event.kind()} {event.id} within {timeout:g} s") from silence
        except (NoStreamResponseError, ServiceUnavailableError) as away:
            raise PublishUnknown(f"the server is not ready to store {event.kind()} {event.id}") from away

    def subscribe(self, *kinds: type[E], team: str = "*", durable: str, from_start: bool = False) -> Subscription[E]:
        """Events of these kinds (of one stream), as they come and those missed while away.

        `durable` names your place in the stream: come back under the same name and nothing is missed. `from_start`
        also brings what the stream holds from before the first subscription under this name. Raises `ValueError` for
        kinds that are kept in different streams, and when entered, where the name is another team's or other kinds'.
        """
        return Subscription(self._jetstream, kinds, team, durable, from_start)

    async def body(self, body: Body) -> str:
        """The text of a `Body`, fetched where it travels by reference. Raises `LookupError` once it has expired."""
        if body.object_ref is None:
            return body.text or ""
        store = await self._jetstream.object_store(BODIES.name)
        try:
            found = await store.get(body.object_ref)
        except ObjectNotFoundError:
            raise LookupError(f"{body.object_ref} has expired; read it through the replies API") from None
        return (found.data or b"").decode()

    async def _lightened(self, event: SendRequested) -> SendRequested:
        """The same event with its largest parts moved to the object store until it fits."""
        while len(event.encode()) > INLINE_LIMIT:
            sizes = {("attachments", n): len(a.content) for n, a in enumerate(event.attachments) if a.content}
            for name in ("text", "html"):
                body: Body | None = getattr(event, name)
                if body is not None and body.text:
                    sizes[name, 0] = len(body.text.encode())
            if not sizes:
                return event
            name, position = max(sizes, key=lambda part: sizes[part])
            if name == "attachments":
                attachment = event.attachments[position]
                ref = await self._store(attachment.content or b"")
                moved = Attachment(**(attachment.model_dump() | {"content": None, "object_ref": ref}))
                update: dict[str, Any] = {
                    "attachments": (*event.attachments[:position], moved, *event.attachments[position + 1 :])
                }
            else:
                update = {name: Body(object_ref=await self._store(getattr(event, name).text.encode()))}
            event = event.model_copy(update=update)
        return event

    async def _store(self, content: bytes) -> str:
        name = hashlib.blake2b(content, digest_size=20).hexdigest()
        store = await self._jetstream.object_store(BODIES.name)
        await store.put(name, content)
        return name
