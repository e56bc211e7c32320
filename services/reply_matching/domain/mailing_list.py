"""Was it sent out by a mailing list (RFC 2919, RFC 2369)?"""

from __future__ import annotations

from services.reply_matching.domain.headers import Headers
from services.reply_matching.domain.judged import Evidence

_FIELDS = (b"list-id", b"list-post", b"x-mailman-version", b"x-beenthere", b"mailing-list")
_WAY_OUT = b"list-unsubscribe"
"""Newsletters carry it; but since large providers ask for it, tickets' and surveys' notices do so too."""


def list_signs(headers: Headers) -> tuple[Evidence, ...]:
    """The fields that only lists set; empty when there are none."""
    found = tuple(Evidence("list_field", name.decode("ascii")) for name in _FIELDS if name in headers)
    if _WAY_OUT in headers and (found or b"auto-submitted" not in headers):
        found = (*found, Evidence("list_field", _WAY_OUT.decode("ascii")))
    if not found and headers.lower(b"precedence").strip() == "list":
        return (Evidence("precedence", "list"),)
    return found
