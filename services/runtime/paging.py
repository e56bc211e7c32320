"""Lists over HTTP, page by page: an opaque cursor that says where the next page begins."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel, Field, JsonValue

from services.runtime.problems import HttpProblem

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = Field(default=None, description="Give it as `cursor` for the next page; absent at the end")


def encode_cursor(place: Mapping[str, JsonValue]) -> str:
    """JSON values alone (times as ISO text). It is not secret and not signed: check the team at every read."""
    return base64.urlsafe_b64encode(json.dumps(dict(place), separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> dict[str, JsonValue]:
    """Raises `HttpProblem` 400 where it is none of ours."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise HttpProblem(400, "invalid_cursor", "Give `next` of the page before, unchanged, or none.") from error
    if not isinstance(place, dict):
        raise HttpProblem(400, "invalid_cursor", "Give `next` of the page before, unchanged, or none.")
    return place
