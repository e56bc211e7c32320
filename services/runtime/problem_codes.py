"""Which problems a route may answer with: of each status the codes, and when each is given.

The document tells them as `x-codes` beside each error's description. A route names what it refuses by itself
(`refusals`); what comes with key, rate, body, cursor and idempotency key stands here once for all. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.runtime import idempotency
from services.runtime.operations import CODES, scopes_of

Codes = Mapping[str, str]

_UNREADABLE = {"invalid_request": "The request cannot be read"}
_WRONG_FIELD = {"invalid_request": "A field is not as described here; `field` or `errors` name it"}
BASE: dict[int, Codes] = {
    400: _UNREADABLE,
    401: {"unauthorized": "No key, or one that is not known"},
    403: {"forbidden": "The key lacks the scope"},
    404: {"not_found": "Unknown, or another team's: the answer is the same"},
    408: {"too_slow": "The rest of the body did not come in time"},
    409: {"request_under_way": "The first request with this `Idempotency-Key` is being carried out"},
    413: {"too_large": "The body is too large"},
    415: {"unsupported_media_type": "Another media type, or a compressed body"},
    422: _WRONG_FIELD,
    429: {"too_many_requests": "This key asks too often, or its address has too many requests under way"},
    502: {"broken_off": "A part of the service broke off before it answered: whether it was carried out is unknown"},
    503: {"unavailable": "A part of the service is away"},
    504: {"no_answer": "A part of the service did not answer in time: whether it was carried out is unknown"},
}
"""What stands once in the document, and is referred to wherever a route adds nothing to it."""
UNFIT = "invalid_value"
"""422: each field is as described, and what they say together, or about the world, cannot be."""


def refusals(by_status: Mapping[int, Codes]) -> dict[int | str, dict[str, Any]]:
    """A route's `responses`: what it refuses by itself."""
    return {status: {CODES: dict(codes)} for status, codes in by_status.items()}


def brought(path: str, operation: Mapping[str, Any]) -> dict[int, Codes]:
    """What comes with what the operation is, whatever it does."""
    found: dict[int, dict[str, str]] = {}
    for status, codes in _brought(path, operation):
        found.setdefault(status, {}).update(codes)
    return {**found}


def _brought(path: str, operation: Mapping[str, Any]) -> Iterator[tuple[int, Codes]]:
    parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
    yield from ((status, BASE[status]) for status in (502, 503, 504))
    if scopes_of(operation) is not None:
        yield from ((status, BASE[status]) for status in (401, 403, 429))
    if "{" in path:
        yield 404, BASE[404]
    if "requestBody" in operation:
        yield from ((status, BASE[status]) for status in (400, 408, 413, 415, 422))
    if parameters:
        yield 422, BASE[422]
    if "cursor" in parameters:
        yield 400, {"invalid_cursor": "The cursor is none of ours"}
    if idempotency.HEADER in parameters:
        yield 400, {"invalid_idempotency_key": f"`{idempotency.HEADER}` is none, or given twice"}
        yield 409, BASE[409]
        yield 422, {"idempotency_key_reused": f"This `{idempotency.HEADER}` was used for another request"}


def told(codes: Codes) -> str:
    """For people."""
    return "; ".join(f"{when} (`{code}`)" for code, when in codes.items())
