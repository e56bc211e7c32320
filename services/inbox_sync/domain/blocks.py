"""The judged header fields of mail that somebody's own code reports, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.providers.types import JUDGED_FIELDS

MOST_OCTETS = 64 * 1024
_MOST_LINES = 10_000
_JUDGED = frozenset(name.lower().encode() for name in JUDGED_FIELDS)


def head_of(raw: bytes) -> bytes:
    """Everything before the first empty line, RFC 5322; of a hostile message no more than is looked at."""
    head = raw[: 16 * MOST_OCTETS]
    ends = [end for mark in (b"\r\n\r\n", b"\n\n") if (end := head.find(mark)) >= 0]
    return head[: min(ends)] if ends else head


def judged_block(head: bytes) -> bytes:
    """The fields it is judged by, as they were written, cut at a field's end where they are too many."""
    block = bytearray()
    for field in _fields(head):
        name = field.partition(b":")[0].strip().lower()
        if name in _JUDGED:
            if len(block) + len(field) + 2 > MOST_OCTETS:
                break
            block += field + b"\r\n"
    return bytes(block)


def block_of(fields: Iterable[tuple[str, str]]) -> bytes:
    """The same of fields that come apart. Raises `ValueError` naming the place of one that holds a line break."""
    lines: list[str] = []
    for place, (name, value) in enumerate(fields):
        unfolded = " ".join(part.strip() for part in value.split("\r\n ")).replace("\r\n\t", " ")
        if any(mark in text for mark in "\r\n\0" for text in (name, unfolded)) or ":" in name:
            raise ValueError(f"headers[{place}]")
        lines.append(f"{name}: {unfolded}")
    return judged_block("\r\n".join(lines).encode("utf-8", "replace"))


def _fields(head: bytes) -> Iterator[bytes]:
    """Each with its folded lines."""
    field: list[bytes] = []
    for line in head.splitlines()[:_MOST_LINES]:
        if line[:1] in (b" ", b"\t"):
            if field:
                field.append(line)
            continue
        if field:
            yield b"\r\n".join(field)
        field = [line] if b":" in line else []
    if field:
        yield b"\r\n".join(field)
