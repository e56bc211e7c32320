"""From a payload to its event, or to the reason why it is none. Pure."""

from __future__ import annotations

from pydantic import ValidationError
from replywire_contracts.event import Event

from services.runtime import redaction
from services.runtime.outcomes import Malformed


def read(kind: type[Event], subject: str, payload: bytes) -> Event:
    """Raises `Malformed` with the field and the remedy. The subject's team must be the event's own: it is what the
    rights on the bus were checked against."""
    try:
        event = kind.decode(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        remedy = f"publish {kind.kind()} as its JSON Schema says"
        raise Malformed(redaction.text(first["msg"]), where, remedy) from error
    if event.team_id != subject.rpartition(".")[2]:
        raise Malformed("the team in the subject is not the event's", "team_id", "publish to the event's own subject")
    return event
