"""The commands about folders: open one for reading, ask for its state, list them, search in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.providers.imap import names, spans, tokens
from services.providers.imap.connection import ImapConnection
from services.providers.imap.framing import Bounds, Response
from services.providers.imap.spans import Spans
from services.providers.imap.tokens import Unreadable

_MIB = 1024 * 1024
_SEARCH_BOUNDS = Bounds(total=64 * _MIB)  # five million UIDs without ESEARCH
_LIST_BOUNDS = Bounds(total=64 * _MIB, responses=300_000)  # shared folders of a whole company
_SEARCH_SECONDS = 180.0  # servers without an index read every message
_STATE = re.compile(rb"\* OK \[(UIDVALIDITY|UIDNEXT) (\d{1,19})\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderState:
    """What tells whether a cursor still means something, and whether there is news."""

    uidvalidity: int
    uidnext: int
    """Every message that will arrive gets at least this UID."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder that can be opened. `id` is its name on the wire."""

    id: str
    name: str
    delimiter: str
    flags: frozenset[str]
    """In small letters: `\\sent`, `\\junk`."""


async def examine(connection: ImapConnection, folder_id: str) -> FolderState:
    """Open for reading only: nothing is ever marked as read. Raises `Refused` where the folder is gone."""
    connection.selected(None)  # a refused EXAMINE leaves no folder open
    connection.protocol.exists = connection.protocol.arrived = 0
    connection.protocol.news = False
    answer = await connection.run("EXAMINE", names.quoted(folder_id))
    connection.selected(folder_id)
    told = {found[1].upper(): int(found[2]) for line in answer.responses if (found := _STATE.match(line[0]))}
    if b"UIDVALIDITY" in told and b"UIDNEXT" in told:
        return FolderState(told[b"UIDVALIDITY"], told[b"UIDNEXT"])
    return await status(connection, folder_id)


async def status(connection: ImapConnection, folder_id: str) -> FolderState:
    """A folder's state without opening it. Raises `Refused`, `Unreadable`."""
    answer = await connection.run("STATUS", names.quoted(folder_id), "(UIDVALIDITY UIDNEXT)")
    for response in answer.responses:
        if response[0][:9].upper() == b"* STATUS ":
            read = tokens.read(response)
            told = tokens.pairs(read[-1]) if isinstance(read[-1], list) else {}
            uidvalidity, uidnext = tokens.number(told.get(b"UIDVALIDITY")), tokens.number(told.get(b"UIDNEXT"))
            if uidvalidity is not None and uidnext is not None:
                return FolderState(uidvalidity, uidnext)
    raise Unreadable("no UIDVALIDITY and UIDNEXT of a folder")


async def list_folders(connection: ImapConnection) -> tuple[Listed, ...]:
    """Every folder that can be opened, with its special use (RFC 6154) where the server knows any."""
    wants_uses = {"SPECIAL-USE", "LIST-EXTENDED"} <= connection.capabilities
    returned = ["RETURN (SPECIAL-USE)"] if wants_uses else []
    answer = await connection.run("LIST", '""', '"*"', *returned, bounds=_LIST_BOUNDS)
    listed = (_listed(line) for line in answer.responses if line[0][:7].upper() == b"* LIST ")
    return tuple(folder for folder in listed if folder is not None)


async def search(connection: ImapConnection, *criteria: str) -> Spans:
    """UIDs in the open folder, without a charset: Exchange refuses one. Raises `Refused`, `Unreadable`."""
    extended = "ESEARCH" in connection.capabilities
    answer = await connection.run(
        "SEARCH",
        *(["RETURN (ALL)"] if extended else []),
        *criteria,
        prefix="UID",
        bounds=_SEARCH_BOUNDS,
        seconds=_SEARCH_SECONDS,
    )
    uids: list[int] = []
    for line, *_ in answer.responses:
        kind = line[2:].split(b" ", 1)[0].upper()
        try:
            if kind == b"ESEARCH":
                words = line.split()
                upper = [word.upper() for word in words]
                return spans.parse(words[upper.index(b"ALL") + 1]) if b"ALL" in upper else Spans(())
            if kind == b"SEARCH":  # some servers answer in several lines
                uids.extend(map(int, line[8:].split()))
        except (ValueError, IndexError):
            raise Unreadable("an answer to SEARCH that is no set of UIDs") from None
    return spans.of_uids(uids)


def _listed(response: Response) -> Listed | None:
    read = tokens.read(response)
    if len(read) < 5 or not isinstance(read[2], list) or not isinstance(read[4], bytes):
        raise Unreadable("an answer to LIST that names no folder")
    flags = frozenset(flag.decode("ascii", "replace").lower() for flag in read[2] if isinstance(flag, bytes))
    if flags & {"\\noselect", "\\nonexistent"}:
        return None
    try:
        wire = read[4].decode("utf-8")  # plain ASCII by the RFC, but servers exist that send names as they are
    except UnicodeDecodeError:
        return None
    if any(ord(character) < 32 for character in wire):
        return None  # it could not be named in a command
    delimiter = read[3].decode("ascii", "replace") if isinstance(read[3], bytes) else ""
    return Listed(wire, names.decode(wire), delimiter, flags)
