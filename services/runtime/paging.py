"""Lists over HTTP, page by page: an opaque cursor that says where the next page begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, Field, JsonValue

from services.runtime.problems import HttpProblem

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = Field(
        default=None, description="Give it as `cursor` for the next page; null at the end", examples=["eyJpZCI6ImEifQ"]
    )


def encode_cursor(place: Mapping[str, JsonValue]) -> str:
    """JSON values alone (times as ISO text). It is not secret and not signed: check the team at every read."""
    return base64.urlsafe_b64encode(json.dumps(dict(place), separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> dict[str, JsonValue]:
    """Raises `HttpProblem` 400 where it is none of ours."""
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise invalid_cursor() from error
    if not isinstance(place, dict):
        raise invalid_cursor()
    return place


def after(cursor: str | None, name: str = "after") -> str | None:
    """The text in a cursor that says what the page before ended with. Raises `HttpProblem` 400."""
    if cursor is None:
        return None
    place = decode_cursor(cursor).get(name)
    if not isinstance(place, str) or not place.isprintable():
        raise invalid_cursor()
    return place


def after_time(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and the id in a cursor of a list that goes by time. Raises `HttpProblem` 400."""
    if cursor is None:
        return None
    place = decode_cursor(cursor)
    at, key = place.get("at"), place.get("id")
    if not isinstance(at, str) or not isinstance(key, str) or not key.isprintable():
        raise invalid_cursor()
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise invalid_cursor()
        return moment.astimezone(UTC), key
    except (ValueError, OverflowError) as error:
        raise invalid_cursor() from error


def invalid_cursor() -> HttpProblem:
    return HttpProblem(400, "invalid_cursor", "This cursor is none of ours.", field="cursor", remedy=_REMEDY)


_REMEDY = "Give `next` of the page before, unchanged, or no cursor."
