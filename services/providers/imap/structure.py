"""Finds in a BODYSTRUCTURE (RFC 3501 section 7.4.2) the parts of a report that are written for machines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from services.providers.imap.tokens import Token

_MAX_PARTS = 8
_WHOLE = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
        "text/rfc822-headers",
        "message/global-headers",
    }
)
_HEADER_ONLY = frozenset({"message/rfc822", "message/global"})


@dataclass(frozen=True, slots=True)
class Part:
    """A part to fetch. Of a returned original only the header is wanted: its `section` ends in HEADER."""

    section: str
    type: str
    encoding: str


def report_parts(body: Token) -> tuple[Part, ...]:
    """In the order they stand, without looking into returned messages; at most eight."""
    found: list[Part] = []
    waiting: list[tuple[str, Token]] = [("", body)]
    while waiting and len(found) < _MAX_PARTS:
        section, part = waiting.pop()
        if not isinstance(part, list) or not part:
            continue
        if isinstance(part[0], list):  # a multipart: its parts come first, then its subtype
            inner = list(takewhile(lambda piece: isinstance(piece, list), part))
            numbered = [(f"{section}.{at}" if section else str(at), piece) for at, piece in enumerate(inner, start=1)]
            waiting.extend(reversed(numbered))
            continue
        kind = f"{_text(part, 0)}/{_text(part, 1)}"
        here = section or "1"
        if kind in _WHOLE:
            found.append(Part(here, kind, _text(part, 5) or "7bit"))
        elif kind in _HEADER_ONLY:
            found.append(Part(f"{here}.HEADER", "text/rfc822-headers", "8bit"))
    return tuple(found)


def _text(part: list[Token], at: int) -> str:
    value = part[at] if at < len(part) else None
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else ""
