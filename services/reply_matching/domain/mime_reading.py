"""A bounded reader of MIME (RFC 2045, 2046): it cuts a message into parts without copying, and never recurses.

The standard library's parser builds objects per part and line and follows any depth; a hostile 10 MB message costs
it many seconds. Here depth, parts, header sizes and decoded text are limited, and every step is one linear pass of
`bytes.find`.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.reply_matching.domain.content_type import ContentType, file_name, read_content_type
from services.reply_matching.domain.encoded_words import decode_bytes
from services.reply_matching.domain.headers import MAX_BLOCK, Headers, parse_block

MAX_DEPTH = 12
MAX_PARTS = 200
MAX_PART_HEADERS = 16 * 1024
MAX_DELIMITERS = 5_000
MAX_CONTENT = 1024 * 1024
"""Of a part's decoded content; more is cut off."""


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a message, or a whole message inside it; its content is decoded only when asked for."""

    headers: Headers
    type: ContentType
    raw: bytes = field(repr=False)
    """The whole message; the part is the piece from `start` to `end`."""
    start: int
    end: int
    depth: int
    within: tuple[str, ...]
    """The types of the multiparts around it, the outermost first."""

    @property
    def disposition(self) -> str:
        return self.headers.lower(b"content-disposition").partition(";")[0].strip()

    @property
    def name(self) -> str:
        return file_name(self.headers)

    @property
    def is_text(self) -> bool:
        """Words of the message itself, not a text file that came with it."""
        return self.type.name in ("text/plain", "text/html") and self.disposition != "attachment" and not self.name

    def content(self, limit: int = MAX_CONTENT) -> bytes:
        """The decoded bytes, at most `limit` of them."""
        encoding = self.headers.lower(b"content-transfer-encoding").strip()
        if encoding == "base64":
            return _from_base64(self.raw[self.start : min(self.end, self.start + limit * 2)])[:limit]
        piece = self.raw[self.start : min(self.end, self.start + limit)]
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.raw[self.start : min(self.end, self.start + limit * 3)])[:limit]
        return piece

    def text(self, limit: int = MAX_CONTENT) -> str:
        """The decoded text, line ends as LF, no NUL."""
        text = decode_bytes(self.content(limit), self.type.parameters.get("charset", "utf-8"))
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")

    @property
    def size(self) -> int:
        """Of the decoded content in bytes, counted without decoding it."""
        length = self.end - self.start
        if self.headers.lower(b"content-transfer-encoding").strip() != "base64":
            return length
        blanks = self.raw.count(b"\n", self.start, self.end) + self.raw.count(b"\r", self.start, self.end)
        padding = self.raw.count(b"=", max(self.start, self.end - 8), self.end)
        return max(0, (length - blanks) * 3 // 4 - padding)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message cut into its parts, in their order."""

    raw: bytes = field(repr=False)
    headers: Headers
    type: ContentType
    parts: tuple[Part, ...]
    complete: bool
    """False when a limit cut something off."""

    def first(self, *types: str) -> Part | None:
        """The first part of one of these types."""
        return next((part for part in self.parts if part.type.name in types), None)

    @property
    def text_parts(self) -> Iterator[Part]:
        return (part for part in self.parts if part.is_text)


@dataclass(slots=True)
class _Open:
    start: int
    end: int
    depth: int
    within: tuple[str, ...]
    default: str


def read_mail(raw: bytes) -> Mail:
    """Cut a message into parts. Any bytes will do."""
    body = _body_start(raw, 0, len(raw), MAX_BLOCK)
    headers = parse_block(raw[:body])
    top = read_content_type(headers)
    parts: list[Part] = []
    complete = True
    # A stack, the next part on top: the depth of a message is its sender's choice, that of our stack is not.
    waiting: list[tuple[_Open, Headers | None]] = [(_Open(body, len(raw), 0, (), "text/plain"), headers)]
    while waiting:
        piece, known = waiting.pop()
        start = piece.start
        if known is None:
            start = _body_start(raw, piece.start, piece.end, MAX_PART_HEADERS)
            known = parse_block(raw[piece.start : start])
        kind = read_content_type(known, piece.default)
        if kind.name.startswith("multipart/") and kind.boundary:
            if piece.depth >= MAX_DEPTH:
                complete = False
            else:
                inner, whole = _split(raw, start, piece.end, kind.boundary)
                complete = complete and whole
                default = "message/rfc822" if kind.name == "multipart/digest" else "text/plain"
                around = (*piece.within, kind.name)
                opened = [(_Open(a, b, piece.depth + 1, around, default), None) for a, b in inner]
                if len(opened) + len(waiting) + len(parts) > MAX_PARTS:
                    opened = opened[: max(0, MAX_PARTS - len(waiting) - len(parts))]
                    complete = False
                if opened:
                    waiting.extend(reversed(opened))
                    continue
        parts.append(Part(known, kind, raw, start, piece.end, piece.depth, piece.within))
    return Mail(raw, headers, top, tuple(parts), complete)


def _body_start(raw: bytes, start: int, end: int, limit: int) -> int:
    """Where the header block that begins at `start` is over: after its empty line."""
    if raw[start : start + 1] == b"\n":
        return start + 1
    if raw[start : start + 2] == b"\r\n":
        return start + 2
    reach = min(end, start + limit)
    bare, full = raw.find(b"\n\n", start, reach), raw.find(b"\n\r\n", start, reach)
    if bare < 0 and full < 0:
        return reach
    return bare + 2 if full < 0 or 0 <= bare < full else full + 3


def _split(raw: bytes, start: int, end: int, boundary: bytes) -> tuple[list[tuple[int, int]], bool]:
    """The pieces between the delimiters of one multipart, and whether all of them were looked at."""
    delimiter = b"--" + boundary
    pieces: list[tuple[int, int]] = []
    opened = -1
    position = start
    for _ in range(MAX_DELIMITERS):
        found = raw.find(delimiter, position, end)
        if found < 0:
            break
        position = found + len(delimiter)
        if found > start and raw[found - 1] != 0x0A:
            continue  # inside a line: somebody quotes it
        following = raw[position : position + 2]
        closing = following == b"--"
        if not closing and following[:1] not in (b"", b"\r", b"\n", b" ", b"\t"):
            continue  # a longer boundary that begins like this one
        if opened >= 0:
            pieces.append((opened, _before_line_end(raw, opened, found)))
            if len(pieces) > MAX_PARTS:
                return pieces, False
        if closing:
            return pieces, True
        line = raw.find(b"\n", position, end)
        opened = position = end if line < 0 else line + 1
    else:
        return pieces, False
    if 0 <= opened < end:
        pieces.append((opened, end))  # the closing delimiter is missing: cut short on its way
    return pieces, True


def _before_line_end(raw: bytes, start: int, end: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    if end > start and raw[end - 1] == 0x0A:
        end -= 1
    if end > start and raw[end - 1] == 0x0D:
        end -= 1
    return end


def _from_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        clean = data.translate(None, b" \t\r\n=")
        clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
    try:
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return b""
