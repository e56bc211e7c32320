"""Folder names on the wire: modified UTF-7 (RFC 3501 section 5.1.3) and quoted strings."""

from __future__ import annotations

import binascii
from itertools import groupby


def encode(name: str) -> str:
    """A name as people write it, as the server wants it."""
    pieces: list[str] = []
    for printable, group in groupby(name, key=lambda character: " " <= character <= "~"):
        run = "".join(group)
        if printable:
            pieces.append(run.replace("&", "&-"))
            continue
        base64 = binascii.b2a_base64(run.encode("utf-16-be", "surrogatepass"), newline=False).rstrip(b"=")
        pieces.append("&" + base64.decode("ascii").replace("/", ",") + "-")
    return "".join(pieces)


def decode(wire: str) -> str:
    """The server's name as people read it. What is not valid modified UTF-7 is left as it stands."""
    pieces: list[str] = []
    rest = wire
    while rest:
        plain, shift, rest = rest.partition("&")
        pieces.append(plain)
        if not shift:
            break
        base64, end, after = rest.partition("-")
        if not end:
            return wire
        if base64:
            try:
                pieces.append(_from_base64(base64))
            except (binascii.Error, UnicodeError):
                return wire
        else:
            pieces.append("&")
        rest = after
    return "".join(pieces)


def _from_base64(text: str) -> str:
    raw = text.replace(",", "/").encode("ascii")
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True).decode("utf-16-be")


def quoted(text: str) -> str:
    """A quoted string. The caller has made sure that no control character is inside: it could not be quoted."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
