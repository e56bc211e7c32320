"""Subscribes a service's handlers to its durable consumers: FastStream pulls, a lane runs and settles each delivery.

Handlers take the decoded event and return nothing: `async def on_send_requested(event: SendRequested) -> None`. They
raise what `outcomes` names; they never acknowledge.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from faststream import AckPolicy
from faststream.nats import JStream, PullSub
from faststream.nats.message import NatsBatchMessage
from nats.aio.msg import Msg
from replywire_contracts.catalogue import event_type
from replywire_contracts.event import Event
from replywire_contracts.streams import Consumer

from services.runtime.deliveries import Handler, Lane, OnMalformed, Route

if TYPE_CHECKING:
    from services.runtime.app import App

E = TypeVar("E", bound=Event)

FETCH_SECONDS = 2.0
"""How long one pull lingers. A pull that a dying server forgot is asked again after this."""


@overload
def consume(
    app: App,
    consumer: Consumer,
    events: type[E],
    *,
    concurrency: int = 64,
    on_malformed: OnMalformed | None = None,
) -> Callable[[Callable[[E], Awaitable[None]]], Callable[[E], Awaitable[None]]]: ...


@overload
def consume(
    app: App,
    consumer: Consumer,
    events: Mapping[type[Event], Handler] | Mapping[type[Any], Handler] | Mapping[str, Handler],
    *,
    concurrency: int = 64,
    on_malformed: OnMalformed | None = None,
) -> None: ...


def consume(
    app: App,
    consumer: Consumer,
    events: type[E] | Mapping[type[Event], Handler] | Mapping[type[Any], Handler] | Mapping[str, Handler],
    *,
    concurrency: int = 64,
    on_malformed: OnMalformed | None = None,
) -> Callable[[Callable[[E], Awaitable[None]]], Callable[[E], Awaitable[None]]] | None:
    """`@consume(app, SEND_REQUESTED, SendRequested)` on one handler, or `consume(app, ACCOUNT, {Event: handler, ...})`
    where several kinds share a consumer (a kind without a handler is passed over).

    At most `concurrency` handlers run at once in this process."""
    if isinstance(events, Mapping):
        kinds = {(kind if isinstance(kind, str) else kind.kind()): handler for kind, handler in events.items()}
        handlers = {kind: (event_type(kind), handler) for kind, handler in kinds.items()}
        _subscribe(app, Route(consumer, handlers, on_malformed), concurrency)
        return None

    def register(handler: Callable[[E], Awaitable[None]]) -> Callable[[E], Awaitable[None]]:
        _subscribe(app, Route(consumer, {events.kind(): (events, handler)}, on_malformed), concurrency)
        return handler

    return register


def _subscribe(app: App, route: Route, concurrency: int) -> None:
    durable = route.consumer.durable
    if durable in app.lanes:
        raise ValueError(f"consumer {durable} has its handlers already")
    lane = app.lanes[durable] = Lane(route, concurrency, lambda: app.dead_letters)

    async def take(messages: list[Msg]) -> None:
        for message in messages:
            lane.take(message)

    # In batches, since FastStream costs some 300 us for each thing it handles: the lane takes them apart.
    app.broker.subscriber(
        route.consumer.subjects[0],
        durable=durable,
        stream=JStream(route.consumer.stream.name, declare=False),
        pull_sub=PullSub(batch_size=concurrency, timeout=FETCH_SECONDS, batch=True),
        ack_policy=AckPolicy.MANUAL,
        # Also set on the broker: without it here, a user that may read only its own inbox pulls nothing, silently.
        inbox_prefix=f"{app.settings.inbox_prefix}.".encode(),
        no_reply=True,
        decoder=_as_pulled,
    )(take)


async def _as_pulled(batch: NatsBatchMessage) -> list[Msg]:
    return batch.raw_message
