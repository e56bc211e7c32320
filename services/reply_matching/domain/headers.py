"""Header fields read by hand from raw bytes (RFC 5322, forgiving); not a mail parser: it never looks at a body.

The standard library's parser costs 19 to 470 microseconds a message and the judge sees every message of every mailbox,
so the fields are cut with `bytes` methods only. Nothing here raises on any input, and every step is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.reply_matching.domain.encoded_words import decode_words

MAX_BLOCK = 64 * 1024
MAX_IDS = 200
MAX_ID_LENGTH = 998  # a line of RFC 5322 cannot hold a longer one

_ID = re.compile(r"<([^<>]*)>|([^\s<>,;\"'()\[\]@]{1,500}@[^\s<>,;\"'()]{1,500})")
_ROOTS = 20


class Headers:
    """The fields of one header block, by lower-case name. A field that comes twice counts by its smallest value, so
    that no answer depends on the order in which a server lists them."""

    __slots__ = ("_fields", "_repeated")

    def __init__(self, fields: dict[bytes, bytes], repeated: dict[bytes, list[bytes]] | None = None) -> None:
        self._fields = fields
        self._repeated = repeated

    @property
    def fields(self) -> Mapping[bytes, bytes]:
        """Name, lower case → value, as `raw` gives it."""
        return self._fields

    def __contains__(self, name: bytes) -> bool:
        return name in self._fields

    def __len__(self) -> int:
        return len(self._fields)

    def has_any(self, names: frozenset[bytes]) -> bool:
        """True when one of these fields is there."""
        return not names.isdisjoint(self._fields)

    def names(self) -> tuple[bytes, ...]:
        """Every field's name, lower case, each once."""
        return tuple(self._fields)

    def raw(self, name: bytes) -> bytes:
        """The field's value, unfolded and stripped; empty when absent. `name` is lower case."""
        return self._fields.get(name, b"")

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a field that may come more than once, in a fixed order."""
        if self._repeated is not None and name in self._repeated:
            return self._repeated[name]
        value = self._fields.get(name)
        return [] if value is None else [value]

    def text(self, name: bytes) -> str:
        """The value as a person reads it: encoded words (RFC 2047) decoded, white space collapsed, no controls."""
        value = self._fields.get(name)
        return decode_words(value) if value else ""

    def lower(self, name: bytes) -> str:
        """The value as lower-case ASCII, for fields that hold keywords."""
        value = self._fields.get(name)
        return value.decode("ascii", "replace").lower() if value else ""


_NAMES: dict[bytes, bytes] = {}
"""Names as servers write them → lower case: the same forty come in every message."""
_MAX_NAMES = 4096


def _normal_name(name: bytes) -> bytes:
    normal = name.strip().lower()
    if b" " in normal:
        return b""
    if normal and len(_NAMES) < _MAX_NAMES and len(name) <= 64:
        _NAMES[name] = normal
    return normal


def parse_block(block: bytes) -> Headers:
    """Read the fields up to the first empty line. CRLF or LF, folded, 8-bit, NUL: all are taken as they come."""
    if len(block) > MAX_BLOCK:
        block = block[:MAX_BLOCK]
    plain = block.rstrip(b"\r\n")
    newline = b"\r\n" if b"\r" in plain else b"\n"
    folded = plain.replace(newline + b" ", b" ")
    if b"\t" in folded:
        folded = folded.replace(newline + b"\t", b" ")
    cut = [line.partition(b":") for line in folded.split(newline)]
    known = _NAMES
    try:
        fields = {known[name]: value.strip() for name, colon, value in cut if colon}
    except KeyError:
        return _closely(block)
    breaks = len(cut) - 1
    if len(fields) <= breaks or folded.count(b"\n") != breaks or folded.count(b"\r") not in (0, breaks):
        return _closely(block)
    return Headers(fields)


def _closely(block: bytes) -> Headers:
    """Any block: with a body below it, with names that are new to us or come twice, with lines that are no fields."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    block = block.lstrip(b"\n").replace(b"\n ", b" ").replace(b"\n\t", b" ")
    fields: dict[bytes, bytes] = {}
    repeated: dict[bytes, list[bytes]] | None = None
    known = _NAMES.get
    for line in block.split(b"\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            if not line:
                break  # the empty line: what follows is a body and none of our business
            continue
        name = known(name) or _normal_name(name)
        if not name:
            continue  # an mbox "From " line, or text
        value = value.strip()
        if name not in fields:
            fields[name] = value
        else:
            repeated = {} if repeated is None else repeated
            repeated.setdefault(name, [fields[name]]).append(value)
    if repeated is not None:
        for name, values in repeated.items():
            values.sort()
            fields[name] = next((value for value in values if value), b"")
    return Headers(fields, repeated)


def message_ids(value: bytes | str) -> tuple[str, ...]:
    """The message ids of an In-Reply-To or References value, lower case, without brackets, in the order given.

    Folded, separated by commas, without brackets, repeated in quotes: all are seen in the wild. Of a longer list the
    last 200 are kept with the very first ones, for a client that trims a thread keeps its root (RFC 5322, 3.6.4)."""
    text = (value if isinstance(value, str) else value.decode("utf-8", "replace")).lower()
    ids = _plainly_written(text)
    if ids is None:
        if "&lt;" in text:  # a client that wrote the header through an HTML template
            text = text.replace("&lt;", "<").replace("&gt;", ">")
        ids = [normal_id(bracketed or bare) for bracketed, bare in _ID.findall(text)]
    if len(ids) > 1 and ("" in ids or len(set(ids)) < len(ids)):  # a quoted duplicate counts where it came last
        ids = list(dict.fromkeys(one for one in reversed(ids) if one))[::-1]
    if len(ids) > MAX_IDS:
        ids = ids[:_ROOTS] + ids[_ROOTS - MAX_IDS :]
    return tuple(ids) if ids and ids[0] else ()


def _plainly_written(text: str) -> list[str] | None:
    """`<a@b> <c@d>`, as nearly all are; None when it takes a closer look."""
    words = text.split()
    if len(words) == 1:
        [name] = words
        plain = name[0] == "<" and name[-1] == ">" and name.rfind("<") == 0 and len(name) <= MAX_ID_LENGTH
        return [name[1:-1]] if plain else None
    for word in words:
        if word[0] != "<" or word[-1] != ">" or len(word) > MAX_ID_LENGTH:
            return None
    return [word[1:-1] for word in words] if text.count("<") == len(words) else None


def normal_id(value: bytes | str) -> str:
    """One message id as it is compared: no brackets, no white space, lower case (relays change the case of hosts)."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    text = text.strip().strip("<>")
    if " " in text or "\t" in text or "\n" in text:
        text = "".join(text.split())
    return text[:MAX_ID_LENGTH].lower()
