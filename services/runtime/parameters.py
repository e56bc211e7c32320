"""Parameters that many routes take, in the one form that this API gives them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from replywire_contracts.event import in_utc

Cursor = Annotated[str | None, Query(max_length=1000, description="`next` of the page before; none for the first page")]
Limit = Annotated[int, Query(ge=1, le=200, description="The most items of one page")]

SLASH = "\ue000"
"""What stands in a path for a slash that was sent as `%2F`: routes would part the path there."""

PathId = Annotated[str, Path(max_length=1000), AfterValidator(lambda text: text.replace(SLASH, "/"))]
"""An id in a path that may hold any printable character, as ids of the caller's own do."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _written(value: Any) -> Any:
    """pydantic would take a number for seconds since 1970, which nobody means who writes one by mistake."""
    if not isinstance(value, str) or not _DATE.match(value):
        raise ValueError("a time is written with its zone, for example 2026-01-31T09:00:00Z")
    return value


def _whole(value: Any) -> int:
    """JSON knows one kind of number: 600.0 is a whole one, and neither "600" nor true is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("a whole number is needed")
    return int(value)


Whole = Annotated[int, BeforeValidator(_whole)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(in_utc)]
"""A time with its zone, as RFC 3339 writes it; in UTC once it is read."""
