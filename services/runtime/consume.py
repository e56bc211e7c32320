"""Subscribes a service's handlers to its durable consumers: FastStream pulls, `acknowledge` settles.

Handlers take the decoded event and return nothing: `async def on_send_requested(event: SendRequested) -> None`. They
raise what `outcomes` names; they never acknowledge.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from faststream import AckPolicy
from faststream.nats import JStream, PullSub
from faststream.nats.message import NatsMessage
from pydantic import ValidationError
from replywire_contracts.catalogue import event_type
from replywire_contracts.event import Event
from replywire_contracts.streams import Consumer

from services.runtime import redaction
from services.runtime.outcomes import Malformed

if TYPE_CHECKING:
    from services.runtime.app import App

E = TypeVar("E", bound=Event)
Handler = Callable[[Any], Awaitable[None]]
OnMalformed = Callable[[bytes, Malformed, Mapping[str, str]], Awaitable[None]]
"""Called with the raw payload before it is dead-lettered; may be called more than once for the same one."""

FETCH_SECONDS = 2.0
"""How long one pull lingers. A pull that a dying server forgot is asked again after this."""


@dataclass(frozen=True, slots=True)
class Route:
    """A consumer and who handles which event of it."""

    consumer: Consumer
    handlers: Mapping[str, tuple[type[Event], Handler]] = field(repr=False)
    on_malformed: OnMalformed | None = None


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
    events: Mapping[type[Event], Handler] | Mapping[str, Handler],
    *,
    concurrency: int = 64,
    on_malformed: OnMalformed | None = None,
) -> None: ...


def consume(
    app: App,
    consumer: Consumer,
    events: type[E] | Mapping[type[Event], Handler] | Mapping[str, Handler],
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
    if durable in app.routes:
        raise ValueError(f"consumer {durable} has its handlers already")
    app.routes[durable] = route

    async def decode(message: NatsMessage) -> Event | None:
        return read(route, message.raw_message.subject, message.body)

    async def handle(event: Event | None) -> None:
        if event is not None:
            await route.handlers[event.kind()][1](event)

    app.broker.subscriber(
        route.consumer.subjects[0],
        durable=durable,
        stream=JStream(route.consumer.stream.name, declare=False),
        pull_sub=PullSub(batch_size=max(1, min(concurrency, 100)), timeout=FETCH_SECONDS),
        max_workers=max(2, concurrency),
        ack_policy=AckPolicy.MANUAL,
        # Also set on the broker: without it here, a user that may read only its own inbox pulls nothing, silently.
        inbox_prefix=f"{app.settings.inbox_prefix}.".encode(),
        no_reply=True,
        decoder=decode,
    )(handle)


def read(route: Route, subject: str, payload: bytes) -> Event | None:
    """The event of a subject that this route handles; None for a kind it passes over. Raises `Malformed`."""
    kind, _, team = subject.rpartition(".")
    if kind not in route.handlers:
        return None
    kind_of_event = route.handlers[kind][0]
    try:
        event = kind_of_event.decode(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Malformed(redaction.text(first["msg"]), where, f"publish {kind} as its JSON Schema says") from error
    if event.team_id != team:
        raise Malformed("the team in the subject is not the event's", "team_id", "publish to the event's own subject")
    return event
