"""What a service could not carry out, kept in the stream `DEAD_LETTERS` with its payload and the reason.

The subject is `dead.v1.<service>.<original subject>`; headers say why, after how many deliveries, and where it came
from. The dead letter's own id is that place, so that writing it twice keeps one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError
from replywire_contracts.streams import DEAD_LETTERS

from services.runtime import redaction
from services.runtime.publisher import Publisher

_LONGEST_HEADER = 500


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
        carried = {name: text for name, text in (headers or {}).items() if name.startswith(("ce-", "traceparent"))}
        await self._publisher.put(
            subject_of(self._service, original),
            payload,
            stream=DEAD_LETTERS.name,
            headers={
                **carried,
                "Nats-Msg-Id": f"dead:{self._service}:{stream}:{seq}",
                "reason": _header(reason),
                "error": _header(redaction.error(error) if error is not None else ""),
                "deliveries": str(deliveries),
                "stream": stream,
                "seq": str(seq),
            },
        )


def _header(text: str) -> str:
    """One line of printable ASCII: a header ends at a line break."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:_LONGEST_HEADER]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of the stream, as `read` finds it."""

    number: int
    service: str
    subject: str
    """The original one."""
    reason: str
    error: str
    deliveries: int
    at: datetime | None
    payload: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


async def read(js: JetStreamContext, service: str = "*", *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
    """Those of a service (or of all) that come after number `after`, oldest first."""
    found: list[DeadLetter] = []
    while len(found) < limit:
        try:
            message = await js.get_msg(DEAD_LETTERS.name, after + 1, f"dead.v1.{service}.>", next=True)
        except NotFoundError:
            break
        after = message.seq or after + 1
        found.append(_dead_letter(message))
    return found


async def redrive(js: JetStreamContext, number: int) -> DeadLetter:
    """Publish it again as it was, under an id of its own (the old one may be remembered). Its consumers are idempotent
    by what the payload says. The dead letter stays. Raises `NotFoundError`."""
    letter = _dead_letter(await js.get_msg(DEAD_LETTERS.name, number))
    carried = {name: text for name, text in letter.headers.items() if name.startswith(("ce-", "traceparent"))}
    await js.publish(
        letter.subject, letter.payload, headers={**carried, "Nats-Msg-Id": f"redriven:{number}:{uuid4().hex}"}
    )
    return letter


def _dead_letter(message: RawStreamMsg) -> DeadLetter:
    headers = message.headers or {}
    _, _, service, subject = (message.subject or "dead.v1.unknown.unknown").split(".", 3)
    return DeadLetter(
        number=message.seq or 0,
        service=service,
        subject=subject,
        reason=headers.get("reason", ""),
        error=headers.get("error", ""),
        deliveries=int(headers.get("deliveries", "0")),
        at=message.time,
        payload=message.data or b"",
        headers=headers,
    )
