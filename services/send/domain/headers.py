"""Header fields as bytes: checked, encoded (RFC 2047, 2231, 6532) and folded (RFC 5322). No line break gets in."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from services.send.domain.invalid import InvalidField

if TYPE_CHECKING:
    from services.send.domain.addresses import Mailbox

_LINE = 76
"""RFC 2047's limit for a line that holds an encoded-word; plain lines keep it too."""
_WORD = 75
_FOLD = "\r\n "
_OVERHEAD = len("=?utf-8?q??=")

# Surrogates cannot be encoded; the two Unicode separators end a line for many a reader.
_FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?([^?*\s]*)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=", re.IGNORECASE)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = tuple("_" if byte == 32 else chr(byte) if byte in _Q_SAFE else f"={byte:02X}" for byte in range(256))
_MESSAGE_ID = re.compile(r"<[^<>\s@\x00-\x1f\x7f-\uffff]+@[^<>\s@\x00-\x1f\x7f-\uffff]+>\Z")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&^_.+-]+\Z")
_RFC2231_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!#$&+^`{|}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def one_line(field: str, value: str) -> str:
    """The value without surrounding white space, tabs made spaces. Raises `InvalidField` where it holds a control
    character, also one that appears only once an encoded-word in it is decoded: somebody downstream will decode it."""
    if value.isascii() and value.isprintable() and "=?" not in value:
        return value.strip()
    value = value.replace("\t", " ").strip()
    if _FORBIDDEN.search(value) or any(_FORBIDDEN.search(hidden) for hidden in _decoded_words(value)):
        raise InvalidField(field, "holds a line break or another control character", "Remove it.")
    return value


def text(name: str, value: str) -> bytes:
    """A field of free text (Subject) that passed `one_line`."""
    room = _LINE - len(name) - 2
    if value.isascii() and value.isprintable() and "=?" not in value:
        if len(value) <= room:
            return f"{name}: {value}\r\n".encode("ascii")
        if "  " not in value and max(map(len, value.split(" "))) <= room:
            return f"{name}: {_folded(value, room)}\r\n".encode("ascii")
    return f"{name}: {_encoded(value, room)}\r\n".encode("ascii")


def mailboxes(name: str, boxes: Sequence[Mailbox]) -> bytes:
    """An address field; an international local part travels as UTF-8 (RFC 6532)."""
    written = [f"{name}:"]
    column = len(name) + 1
    last = len(boxes) - 1
    for position, box in enumerate(boxes):
        shown = _shown(box) if position == last else f"{_shown(box)},"
        first, folded, rest = shown.partition(_FOLD)
        if position and column + 1 + len(first) > _LINE:
            written.append("\r\n")
            column = 0
        written.append(f" {shown}")
        column = len(rest.rpartition(_FOLD)[2]) + 1 if folded else column + 1 + len(shown)
    written.append("\r\n")
    return "".join(written).encode("utf-8")


def identifiers(name: str, ids: Iterable[str]) -> bytes:
    """Message-IDs, one a line."""
    joined = "\r\n ".join(ids)
    return f"{name}: {joined}\r\n".encode("ascii")


def is_message_id(value: str) -> bool:
    return len(value) <= 250 and _MESSAGE_ID.match(value) is not None


def is_token(value: str) -> bool:
    return _TOKEN.match(value) is not None


def message_id(seed: str, domain: str) -> str:
    """`<derived@domain>`: the same seed gives the same id, and nobody who lacks the seed can guess it."""
    digest = blake2b(seed.encode("utf-8"), digest_size=20, person=b"message-id").digest()
    return f"<{base64.b32encode(digest).decode('ascii').lower()}@{domain}>"


def date(moment: datetime) -> str:
    """RFC 5322's date-time. `moment` is aware."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a date without its offset from UTC means nothing in a header")
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year:04d} "
        f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d} {sign}{hours:02d}{minutes:02d}"
    )


def parameter(name: str, value: str) -> str:
    """A parameter of a MIME field, each piece on a line of its own: plain, or by RFC 2231 where it must be."""
    if value.isascii() and value.isprintable() and len(value) + len(name) <= _LINE - 6:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        if "=?" not in value:
            return f';\r\n {name}="{escaped}"'
    encoded = [chr(byte) if byte in _RFC2231_SAFE else f"%{byte:02X}" for byte in value.encode("utf-8")]
    room = _LINE - len(name) - len(" *00*=utf-8'';")
    pieces = [""]
    for each in encoded:
        if len(pieces[-1]) + len(each) > room:
            pieces.append("")
        pieces[-1] += each
    if len(pieces) == 1:
        return f";\r\n {name}*=utf-8''{pieces[0]}"
    first = f";\r\n {name}*0*=utf-8''{pieces[0]}"
    return first + "".join(f";\r\n {name}*{number}*={piece}" for number, piece in enumerate(pieces[1:], 1))


def _decoded_words(value: str) -> Iterable[str]:
    if "=?" not in value:
        return
    for charset, kind, payload in _ENCODED_WORD.findall(value):
        octets = payload.encode("utf-8")
        try:
            raw = binascii.a2b_qp(octets, header=True) if kind in "qQ" else base64.b64decode(octets + b"==")
        except binascii.Error:
            continue  # no reader can decode it either
        yield raw.decode("latin-1").translate(_ONLY_C0)
        try:
            yield raw.decode(charset)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue


_ONLY_C0 = dict.fromkeys(range(0x80, 0x100), " ")
"""Octets above 127 are judged by their charset alone."""


def _shown(box: Mailbox) -> str:
    if not box.email.isprintable():
        raise InvalidField("address", "holds a control character", "Give an address such as ada@example.org.")
    if not box.name:
        return box.email
    name = one_line("address.name", box.name)
    if name.isascii() and name.isprintable() and "=?" not in name:
        if not _ATOMS.match(name):
            name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{name} <{box.email}>"
    encoded = _encoded(name, _LINE - 10)
    fits = len(encoded.rpartition("\r\n")[2]) + len(box.email) + 14 <= _LINE
    return f"{encoded}{' ' if fits else _FOLD}<{box.email}>"


def _folded(value: str, room: int) -> str:
    lines = []
    line = ""
    for word in value.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, _LINE - 1
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return "\r\n ".join(lines)


def _encoded(value: str, room: int) -> str:
    """Encoded-words, no character split over two of them; Q where most of it is plain, else B."""
    octets = value.encode("utf-8")
    plain = sum(byte in _Q_SAFE or byte == 32 for byte in octets)
    if (len(octets) - plain) * 3 + plain <= (len(octets) + 2) // 3 * 4:
        return "\r\n ".join(f"=?utf-8?q?{word}?=" for word in _q_words(value, room))
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in _b_words(octets, room))


def _q_words(value: str, room: int) -> list[str]:
    words = []
    word = ""
    room = min(room, _WORD) - _OVERHEAD
    for character in value:
        piece = "".join([_Q[byte] for byte in character.encode("utf-8")])
        if len(word) + len(piece) > room:
            words.append(word)
            word, room = piece, _WORD - _OVERHEAD
        else:
            word += piece
    words.append(word)
    return words


def _b_words(octets: bytes, room: int) -> list[str]:
    words = []
    start = 0
    room = min(room, _WORD) - _OVERHEAD
    while start < len(octets):
        end = start + room // 4 * 3
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        words.append(binascii.b2a_base64(octets[start:end], newline=False).decode("ascii"))
        start, room = end, _WORD - _OVERHEAD
    return words
