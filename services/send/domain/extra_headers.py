"""The header fields that a request may add: those that cannot change where a message goes, whose it is or how it is
tracked."""

from __future__ import annotations

import re

from services.send.domain.headers import one_line, text
from services.send.domain.invalid import InvalidField

_ALLOWED = frozenset(
    {
        "auto-submitted",
        "comments",
        "content-language",
        "feedback-id",
        "importance",
        "keywords",
        "list-archive",
        "list-help",
        "list-id",
        "list-owner",
        "list-post",
        "list-subscribe",
        "organization",
        "precedence",
        "priority",
        "sensitivity",
    }
)
# Fields of ours, and fields by which servers and readers (ourselves too) judge a message.
_REFUSED_PREFIXES = ("x-replywire-", "x-ms-exchange-", "x-microsoft-", "x-google-", "x-gm-", "x-spam-", "x-forefront-")
_REFUSED = frozenset(
    {"x-failed-recipients", "x-original-message-id", "x-originating-ip", "x-received", "x-sender", "x-original-to"}
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}\Z")


def extra_header(name: str, value: str) -> bytes:
    """The field as bytes. Raises `InvalidField` where it is not allowed or holds a control character."""
    folded = name.lower()
    field = f"headers.{name[:64]}" if name.isascii() and name.isprintable() else "headers"
    own = folded.startswith("x-") and not folded.startswith(_REFUSED_PREFIXES) and folded not in _REFUSED
    if not _NAME.match(name) or not (own or folded in _ALLOWED):
        raise InvalidField(
            field, "is not a header field that a request may set", "Use an X- field of your own, or leave it out."
        )
    return text(name, one_line(field, value))
