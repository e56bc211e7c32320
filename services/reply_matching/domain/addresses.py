"""Addresses taken from header values and bounce texts; a reader of what is there, not a validator."""

from __future__ import annotations

import re

from services.reply_matching.domain.encoded_words import decode_words
from services.reply_matching.domain.headers import Headers

_ANGLE = re.compile(rb"<\s*([^<>\s]{1,320})\s*>")
_PLAIN = re.compile(rb"<([A-Za-z0-9][A-Za-z0-9._+=-]{0,100}@[A-Za-z0-9.-]{0,200}[A-Za-z0-9])>")
_BARE = re.compile(rb"[^\s<>,;:\"'()\[\]\\]{1,64}@[^\s<>,;:\"'()\[\]\\]{1,255}")


def address_of(value: bytes) -> str:
    """The (first) address of a From-like value, lower case; empty when there is none."""
    if value[-1:] == b">":  # as nearly all are written: `Name <name@host>`
        plain = _PLAIN.fullmatch(value, max(value.rfind(b"<"), 0))
        if plain:
            return plain[1].decode("ascii").lower()
    found = _ANGLE.findall(value)
    for candidate in reversed(found):  # a display name may hold brackets of its own; the address comes last
        if b"@" in candidate:
            return normal_address(candidate)
    bare = _BARE.search(value)
    return normal_address(bare.group()) if bare else ""


def addresses_of(value: bytes, limit: int = 100) -> tuple[str, ...]:
    """Every address of a To-like value, lower case, each once."""
    found = (normal_address(match.group()) for match in _BARE.finditer(value))
    seen: dict[str, None] = {}
    for address in found:
        seen[address] = None
        if len(seen) >= limit:
            break
    return tuple(seen)


def display_name(headers: Headers, name: bytes = b"from") -> str:
    """The name a person reads before the address."""
    value = headers.raw(name)
    return decode_words(value.partition(b"<")[0]).strip().strip('"').strip()


def normal_address(value: bytes | str) -> str:
    """One address as it is compared: lower case, no brackets, no `mailto:` or `rfc822;` before it."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    text = text.strip().strip("<>").strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    return text.strip("'\".,;").lower()
