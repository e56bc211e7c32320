"""Content-Type and Content-Disposition values (RFC 2045, 2183, 2231), forgiving and bounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from services.reply_matching.domain.encoded_words import decode_bytes, decode_words
from services.reply_matching.domain.headers import Headers

_MAX_VALUE = 4096
_PARAMETER = re.compile(rb";\s*([^\s=;]{1,60})\s*=\s*(?:\"([^\"]*)\"?|([^;]*))")


@dataclass(frozen=True, slots=True)
class ContentType:
    """`name` is lower case (`text/plain`); parameters' names too, their values as they stand."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    boundary: bytes = b""

    @property
    def report_type(self) -> str:
        """RFC 6522: what a multipart/report reports."""
        return self.parameters.get("report-type", "").lower()


def read_content_type(headers: Headers, default: str = "text/plain") -> ContentType:
    """The part's type; `default` when there is none or it is no type at all."""
    value = headers.raw(b"content-type")[:_MAX_VALUE]
    name = value.partition(b";")[0].strip().partition(b" ")[0].lower().decode("ascii", "replace")
    if "/" not in name:
        return ContentType(default)
    raw = _parameters(value)
    return ContentType(
        name,
        {key: decode_bytes(one) for key, one in raw.items() if key != "boundary"},
        raw.get("boundary", b"").strip()[:200],
    )


def _parameters(value: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for key, quoted, bare in _PARAMETER.findall(value):
        found.setdefault(key.decode("ascii", "replace").lower(), quoted or bare.strip())
    return found


def file_name(headers: Headers) -> str:
    """The file's name as its sender gave it, without any folder; empty when the part is not a file."""
    for field_name, parameter in ((b"content-disposition", "filename"), (b"content-type", "name")):
        value = headers.raw(field_name)[:_MAX_VALUE]
        if value:
            name = _extended(_parameters(value), parameter)
            if name:
                return name.replace("\\", "/").rpartition("/")[2].strip()[:255]
    return ""


def _extended(parameters: Mapping[str, bytes], name: str) -> str:
    """A parameter that may be continued (name*0, name*1) and percent-encoded with a charset (name*), RFC 2231."""
    plain = parameters.get(name)
    if plain is not None:
        return decode_words(plain)
    pieces = [parameters[name + "*"]] if name + "*" in parameters else []
    if not pieces:
        for number in range(50):
            piece = parameters.get(f"{name}*{number}*", parameters.get(f"{name}*{number}"))
            if piece is None:
                break
            pieces.append(piece)
    joined = b"".join(pieces)
    charset, mark, rest = joined.partition(b"'")
    if mark:
        return decode_bytes(unquote_to_bytes(rest.partition(b"'")[2]), charset.decode("ascii", "replace") or "utf-8")
    return decode_bytes(unquote_to_bytes(joined))
