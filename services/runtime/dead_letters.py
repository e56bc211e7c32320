"""What a service could not carry out, kept in the stream `DEAD_LETTERS` with its payload and the reason.

The subject is `dead.v1.<service>.<original subject>`; headers say why, after how many deliveries, and where it came
from. The dead letter's own id is that place, so that writing it twice keeps one. Operators read them by
`replywire dead-letters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from replywire_contracts.streams import DEAD_LETTERS

from services.runtime import metrics, redaction
from services.runtime.publisher import Publisher

_LONGEST_HEADER = 500
_SIZE = "Nats-Msg-Size"
"""What the server writes in the place of a payload that was not asked for."""
_AT_ONCE = 256
_FORGOTTEN_AFTER = 30.0
"""Seconds after which the server drops the place of a reader that died."""


def subject_of(service: str, original: str) -> str:
    return f"dead.v1.{service}.{original}"


class DeadLetters:
    def __init__(self, publisher: Publisher, service: str) -> None:
        self._publisher = publisher
        self._service = service

    async def put(
        self,
        original: str,
        payload: bytes,
        *,
        headers: Mapping[str, str] | None,
        reason: str,
        error: BaseException | None,
        deliveries: int,
        stream: str,
        seq: int,
    ) -> None:
        """Returns once it is stored. Raises `PublishUnknown`."""
        await self._publisher.put(
            subject_of(self._service, original),
            payload,
            stream=DEAD_LETTERS.name,
            headers={
                **_carried(headers or {}),
                "Nats-Msg-Id": f"dead:{self._service}:{stream}:{seq}",
                "reason": _header(reason),
                "error": _header(redaction.error(error) if error is not None else ""),
                "deliveries": str(deliveries),
                "stream": stream,
                "seq": str(seq),
            },
        )
        metrics.DEAD_LETTERS.labels(self._service).inc()


def _carried(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name.startswith(("ce-", "traceparent"))}


def _header(text: str) -> str:
    """One line of printable ASCII: a header ends at a line break."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:_LONGEST_HEADER]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of the stream, without its payload: that is a person's mail as often as not."""

    number: int
    service: str
    subject: str
    """The original one."""
    reason: str
    error: str
    deliveries: int
    at: datetime | None
    size: int
    """Octets of the payload."""
    headers: Mapping[str, str] = field(repr=False)


async def read(js: JetStreamContext, service: str = "*", *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
    """Those of a service (or of all) that come after number `after`, oldest first. No payload leaves the server."""
    config = ConsumerConfig(
        name=f"dead-letters-{uuid4().hex}",
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        filter_subject=subject_of(service, ">"),
        headers_only=True,
        mem_storage=True,
        inactive_threshold=_FORGOTTEN_AFTER,
    )
    place = await js.add_consumer(DEAD_LETTERS.name, config)
    wanted = min(limit, place.num_pending or 0)
    pull = await js.pull_subscribe_bind(place.name, DEAD_LETTERS.name)
    found: list[DeadLetter] = []
    try:
        while len(found) < wanted:
            for message in await pull.fetch(min(wanted - len(found), _AT_ONCE), timeout=5):
                facts, headers = message.metadata, message.headers or {}
                size = int(headers.get(_SIZE, "0"))
                found.append(_dead_letter(facts.sequence.stream, message.subject, headers, facts.timestamp, size))
    finally:
        await pull.unsubscribe()
        await js.delete_consumer(DEAD_LETTERS.name, place.name)
    return found


async def find(js: JetStreamContext, number: int) -> tuple[DeadLetter, bytes]:
    """One with its payload. Raises `NotFoundError`."""
    message = await js.get_msg(DEAD_LETTERS.name, number)
    payload = message.data or b""
    return _dead_letter(number, message.subject, message.headers or {}, message.time, len(payload)), payload


async def redrive(js: JetStreamContext, number: int) -> DeadLetter:
    """Publish it again as it was, under an id of its own (the old one may be remembered). All who read its stream hear
    it again, and are idempotent by what the payload says. The dead letter stays. Raises `NotFoundError`."""
    letter, payload = await find(js, number)
    headers = {**_carried(letter.headers), "Nats-Msg-Id": f"redriven:{number}:{uuid4().hex}"}
    await js.publish(letter.subject, payload, headers=headers)
    return letter


async def forget(js: JetStreamContext, number: int) -> None:
    """Take it out of the stream, its payload overwritten. Raises `NotFoundError`."""
    await js.delete_msg(DEAD_LETTERS.name, number)


def _dead_letter(
    number: int, subject: str | None, headers: Mapping[str, str], at: datetime | None, size: int
) -> DeadLetter:
    _, _, service, original = (subject or "dead.v1.unknown.unknown").split(".", 3)
    return DeadLetter(
        number=number,
        service=service,
        subject=original,
        reason=headers.get("reason", ""),
        error=headers.get("error", ""),
        deliveries=int(headers.get("deliveries", "0")),
        at=at,
        size=size,
        headers=headers,
    )
