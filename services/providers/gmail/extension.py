"""X-GM-EXT-1: what Google's IMAP tells of a message beyond the standard - its id, its conversation and its labels.

See "IMAP extensions" in Google's Gmail documentation. The numbers are 64 bits wide; they are kept as decimal text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.providers.imap.connection import ImapConnection
from services.providers.imap.headers import Extension
from services.providers.imap.tokens import Token
from services.providers.types import HeaderSet

NAME = "X-GM-EXT-1"
IDENTITIES = "X-GM-MSGID X-GM-THRID"
_SENT, _DRAFT = b"\\sent", b"\\draft"


def offered(connection: ImapConnection) -> bool:
    return NAME in connection.capabilities


def number(told: Mapping[bytes, Token], name: bytes) -> str | None:
    value = told.get(name)
    return value.decode("ascii") if isinstance(value, bytes) and value.isdigit() and len(value) <= 20 else None


def _read(header: HeaderSet, told: Mapping[bytes, Token]) -> HeaderSet | None:
    """None for a draft: All Mail holds each of its versions, and none of them is mail yet."""
    labels = told.get(b"X-GM-LABELS")
    known = {label.lower() for label in labels if isinstance(label, bytes)} if isinstance(labels, list) else set()
    if _DRAFT in known:
        return None
    # An alias that a person sends from is theirs too, and Google alone knows of it.
    return replace(header, provider_thread_id=number(told, b"X-GM-THRID"), own=_SENT in known)


EXTENSION = Extension("X-GM-THRID X-GM-LABELS", _read)
