"""Header sets by the thousand: one FETCH per page of UIDs, read without a parser where servers answer as all do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.providers.imap import internaldate, tokens
from services.providers.imap.connection import ImapConnection
from services.providers.imap.errors import Refused
from services.providers.imap.framing import Bounds, Response
from services.providers.imap.protocol import Exchange
from services.providers.imap.tokens import Token
from services.providers.types import JUDGED_FIELDS, HeaderSet, MessageRef

MAX_BLOCK = 64 * 1024
_MIB = 1024 * 1024
_BLOCK = f"BODY.PEEK[HEADER.FIELDS ({' '.join(field.upper() for field in JUDGED_FIELDS)})]"
ITEMS = f"(UID INTERNALDATE {_BLOCK})"
# One octet over what is kept shows that the block was cut. The rest of a longer one is read and dropped: a message must
# not stop the scan of its mailbox for ever by the size of its headers.
SCAN_BOUNDS = Bounds(total=512 * _MIB, literal=64 * _MIB, keep=MAX_BLOCK + 1, responses=100_000)
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Extension:
    """What one provider's servers tell of a message beyond the standard, asked for beside its header."""

    items: str
    read: Callable[[HeaderSet, Mapping[bytes, Token]], HeaderSet | None]
    """The header set with what was told; None leaves the message out."""


def begin(connection: ImapConnection, uid_set: str, extension: Extension | None = None) -> Exchange:
    """Ask for the headers of the open folder's messages; the answer may be taken later, by `finish`."""
    items = ITEMS if extension is None else f"(UID INTERNALDATE {extension.items} {_BLOCK})"
    return connection.begin("FETCH", uid_set, items, prefix="UID", bounds=SCAN_BOUNDS)


async def finish(
    connection: ImapConnection, asked: Exchange, uid_set: str, extension: Extension | None = None
) -> list[Response]:
    """For `read_headers`. Raises `Refused`."""
    try:
        return (await connection.finish(asked, _SECONDS)).responses
    except Refused as refusal:
        if refusal.code != "EXPUNGEISSUED":
            raise
    # Some of the page is gone (RFC 5530), and which of the rest were sent is anyone's guess.
    await connection.run("NOOP")
    return (await connection.finish(begin(connection, uid_set, extension), _SECONDS)).responses


def read_extended(
    responses: Sequence[Response], folder_id: str, uidvalidity: int, extension: Extension
) -> dict[int, HeaderSet | None]:
    """As `read_headers`, with what the extension tells; None for those that it leaves out."""
    found: dict[int, HeaderSet | None] = {}
    for response in responses:
        read = _read_any(response)
        if read is not None:
            ref = MessageRef(folder_id, f"{uidvalidity}:{read.uid}")
            block = _cut(read.block) if len(read.block) > MAX_BLOCK else read.block
            found[read.uid] = extension.read(HeaderSet(ref, block, read.received_at), read.told)
    return found


def read_headers(responses: Sequence[Response], folder_id: str, uidvalidity: int) -> dict[int, HeaderSet]:
    """Answers to FETCH as header sets; those without a header (a flag changed meanwhile) are passed over."""
    found: dict[int, HeaderSet] = {}
    prefix = f"{uidvalidity}:"
    parse_date = internaldate.parse
    for response in responses:
        uid = 0
        if len(response) == 3 and response[2] == b")":
            text, block, _ = response
            # * 12 FETCH (UID 4827 INTERNALDATE "17-Jul-1996 02:44:25 -0700" BODY[HEADER.FIELDS (...)] {342}
            start = text.find(b"(UID ") + 5
            dated = text.find(b'INTERNALDATE "', start) + 14
            if start > 4 and dated > 13:
                try:
                    uid = int(text[start : text.index(b" ", start)])
                    received_at = parse_date(text[dated : dated + 26])
                except ValueError:
                    uid = 0
        if not uid:
            plain = _read_any(response)
            if plain is None:
                continue
            uid, received_at, block = plain.uid, plain.received_at, plain.block
        if len(block) > MAX_BLOCK:
            block = _cut(block)
        found[uid] = HeaderSet(MessageRef(folder_id, f"{prefix}{uid}"), block, received_at)
    return found


@dataclass(frozen=True, slots=True)
class _Read:
    uid: int
    received_at: datetime
    block: bytes
    told: Mapping[bytes, Token]


def _read_any(response: Response) -> _Read | None:
    """Any order of items, any kind of string."""
    words = response[0].split(b" ", 3)
    if len(words) < 4 or words[2].upper() != b"FETCH":
        return None
    read = tokens.read(response)
    told = tokens.pairs(read[3]) if len(read) > 3 and isinstance(read[3], list) else {}
    uid = tokens.number(told.get(b"UID"))
    bodies = [value for name, value in told.items() if name.startswith(b"BODY[")]
    if not uid or not bodies:
        return None
    block = bodies[0] if isinstance(bodies[0], bytes) else b""
    date = told.get(b"INTERNALDATE")
    try:
        received_at = internaldate.parse(date) if isinstance(date, bytes) else datetime.now(UTC)
    except ValueError:
        received_at = datetime.now(UTC)  # a date that nobody can read must not hide the message
    return _Read(uid, received_at, block, told)


def _cut(block: bytes) -> bytes:
    """At most MAX_BLOCK octets, ending where a field ends."""
    end = block.rfind(b"\r\n", 0, MAX_BLOCK)
    while end > 0 and block[end + 2 : end + 3] in (b" ", b"\t"):
        end = block.rfind(b"\r\n", 0, end)
    return block[: end + 2] if end > 0 else b""
