"""Cuts an IMAP server's byte stream into responses (RFC 3501 section 4), each byte looked at once, every size bounded.

A response is a list of parts: text, literal, text, literal, ... text. A text part before a literal keeps its `{n}`.
"""

from __future__ import annotations

from dataclasses import dataclass

Response = list[bytes]

_CRLF = b"\r\n"
_KIB = 1024
_MIB = 1024 * _KIB
# Their text is for people and may end in anything, even in what looks like a literal's announcement.
_STATUS = (b"* OK", b"* NO", b"* BAD", b"* BYE", b"* PREAUTH")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one command's answer may cost. All sizes in octets."""

    total: int = 4 * _MIB
    """Everything the server may send until the next command begins."""
    literal: int = 64 * _MIB
    """The longest literal that is read at all: a longer announcement ends the connection."""
    keep: int = 64 * _KIB
    """How much of each literal is held; the rest is read and dropped."""
    responses: int = 20_000


class FramingError(Exception):
    """The stream cannot be followed further; the connection is of no more use. The text quotes nothing received."""


class Framer:
    """Feed it chunks as they come; it gives back the responses that are complete."""

    __slots__ = ("_bounds", "_count", "_literal", "_missing", "_parts", "_rest", "_total")

    def __init__(self) -> None:
        self._bounds = Bounds()
        self._parts: Response = []
        self._rest = bytearray()
        self._literal = bytearray()
        self._missing = 0
        self._total = 0
        self._count = 0

    @property
    def unfinished(self) -> bool:
        """True while bytes of an incomplete response are held."""
        return bool(self._rest or self._parts or self._missing)

    def begin(self, bounds: Bounds) -> None:
        """A new command is sent: its bounds hold from here on."""
        self._bounds = bounds
        self._total = 0
        self._count = 0

    def feed(self, data: bytes) -> list[Response]:
        """Raises `FramingError`."""
        self._total += len(data)
        if self._total > self._bounds.total:
            raise FramingError(f"more than {self._bounds.total} octets came in answer to one command")
        if self._missing:
            data = self._continue_literal(data)
            if self._missing:
                return []
        if self._rest:
            start = max(len(self._rest) - 1, 0)  # a CR may have been the last octet of the chunk before
            self._rest += data
            if self._rest.find(_CRLF, start) < 0:
                return []
            data = bytes(self._rest)
            self._rest = bytearray()
        done = self._cut(data)
        self._count += len(done)
        if self._count > self._bounds.responses:
            raise FramingError(f"more than {self._bounds.responses} responses came in answer to one command")
        return done

    def _cut(self, data: bytes) -> list[Response]:
        done: list[Response] = []
        parts = self._parts
        keep = self._bounds.keep
        position, size = 0, len(data)
        while True:
            end = data.find(_CRLF, position)
            if end < 0:
                self._rest += data[position:]
                break
            line = data[position:end]
            position = end + 2
            announced = self._announced(line, parts) if line.endswith(b"}") else None
            parts.append(line)
            if announced is None:
                done.append(parts)
                parts = []
                continue
            stop = position + announced
            if stop > size:
                self._missing = stop - size
                self._literal = bytearray(data[position : position + keep])
                break
            parts.append(data[position : min(stop, position + keep)])
            position = stop
        self._parts = parts
        return done

    def _announced(self, line: bytes, parts: Response) -> int | None:
        """The size of the literal that follows `line`; None where it merely looks like one."""
        digits = line[line.rfind(b"{") + 1 : -1]
        if not digits.isdigit():
            return None
        first = parts[0] if parts else line
        # What begins with a number is data about a message: most that comes, and never a status.
        if not first[2:3].isdigit() and (not first.startswith(b"* ") or first[:10].upper().startswith(_STATUS)):
            return None
        # Python reads at most 4,300 digits: what has more than 19 is too large without being read.
        announced = int(digits) if len(digits) < 20 else self._bounds.literal + 1
        if announced > self._bounds.literal:
            raise FramingError(f"a literal longer than {self._bounds.literal} octets was announced")
        return announced

    def _continue_literal(self, data: bytes) -> bytes:
        """What follows the literal in `data`; while some of it is missing, nothing."""
        piece = data[: self._missing]
        self._missing -= len(piece)
        room = self._bounds.keep - len(self._literal)
        if room > 0:
            self._literal += piece[:room]
        if self._missing:
            return b""
        self._parts.append(bytes(self._literal))
        self._literal = bytearray()
        return data[len(piece) :]
