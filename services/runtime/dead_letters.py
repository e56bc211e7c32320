"""What a service could not carry out, kept in the stream `DEAD_LETTERS` with its payload and the reason.

The subject is `dead.v1.<service>.<original subject>`; headers say why, after how many deliveries, and where it came
from. The dead letter's own id is that place, so that writing it twice keeps one.
"""

from __future__ import annotations

from collections.abc import Mapping

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
