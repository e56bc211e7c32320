"""One message's bytes: the whole of it, or only the machine-readable parts of a report. Nothing is marked as read."""

from __future__ import annotations

from collections.abc import Sequence

from services.providers.imap import report, structure, tokens
from services.providers.imap.connection import ImapConnection
from services.providers.imap.errors import Refused
from services.providers.imap.framing import Bounds, Response
from services.providers.imap.structure import Part
from services.providers.imap.tokens import Token, Unreadable

_MIB = 1024 * 1024
_SECONDS = 180.0
_STRUCTURE_BOUNDS = Bounds(total=8 * _MIB, literal=_MIB, keep=_MIB)


async def fetch_message(connection: ImapConnection, uid: int, limit: int) -> bytes | None:
    """The first `limit` octets; None where the message is gone. Raises `Refused`, `Unreadable`."""
    found = await attributes(connection, uid, f"(UID BODY.PEEK[]<0.{limit}>)", _bounds(limit))
    return None if found is None else _section(found, b"BODY[]")


async def fetch_report(connection: ImapConnection, uid: int, limit: int) -> bytes | None:
    """The report's parts as one small MIME message; None where there are none. Raises `Refused`, `Unreadable`."""
    try:
        found = await attributes(connection, uid, "(UID BODYSTRUCTURE)", _STRUCTURE_BOUNDS)
    except Unreadable:
        return None  # nested beyond reason: no report is, and the mailbox must not stop at it
    if found is None:
        return None
    parts = structure.report_parts(found.get(b"BODYSTRUCTURE"))
    if not parts:
        return None
    share = limit // len(parts)
    items = " ".join(f"BODY.PEEK[{part.section}]<0.{share}>" for part in parts)
    contents = await attributes(connection, uid, f"(UID {items})", _bounds(limit))
    if contents is None:
        return None
    read = [(part, content) for part in parts if (content := _content(contents, part)) is not None]
    return report.assemble(read) if read else None


def _content(contents: dict[bytes, Token], part: Part) -> bytes | None:
    return _section(contents, f"BODY[{part.section}]".encode("ascii"))


def _section(found: dict[bytes, Token], name: bytes) -> bytes | None:
    """Servers name a partial section `BODY[]<0>`, some leave the origin out."""
    for key in (name + b"<0>", name):
        value = found.get(key)
        if isinstance(value, bytes):
            return value
    return None


async def attributes(
    connection: ImapConnection, uid: int, items: str, bounds: Bounds | None = None
) -> dict[bytes, Token] | None:
    """What FETCH tells of one message; None where it is gone. Raises `Refused`, `Unreadable`."""
    try:
        answer = await connection.run("FETCH", str(uid), items, prefix="UID", bounds=bounds, seconds=_SECONDS)
    except Refused as refusal:
        # Servers that cannot read a message say NO whether it is gone or broken: whether it is there tells which.
        if refusal.code == "EXPUNGEISSUED" or not await _is_there(connection, uid):
            return None
        raise
    return _of_uid(answer.responses, uid)


async def _is_there(connection: ImapConnection, uid: int) -> bool:
    await connection.run("NOOP")  # until then the server may count what was expunged elsewhere
    answer = await connection.run("FETCH", str(uid), "(UID)", prefix="UID")
    return _of_uid(answer.responses, uid) is not None


def _of_uid(responses: Sequence[Response], uid: int) -> dict[bytes, Token] | None:
    wanted = str(uid).encode("ascii")
    merged: dict[bytes, Token] = {}
    for response in responses:
        words = response[0].split(b" ", 3)
        if len(words) < 4 or words[2].upper() != b"FETCH":
            continue
        read = tokens.read(response)
        told = tokens.pairs(read[3]) if len(read) > 3 and isinstance(read[3], list) else {}
        if told.get(b"UID") == wanted:
            merged.update(told)
    return merged or None


def _bounds(limit: int) -> Bounds:
    # A server that knows no partial fetch sends all of it: that much is read, but only `limit` is kept.
    return Bounds(total=256 * _MIB, literal=192 * _MIB, keep=limit)
