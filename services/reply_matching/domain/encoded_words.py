"""Encoded words (RFC 2047) and raw 8-bit header text read into plain text; never raises, whatever the charset says."""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache

_WORD = re.compile(rb"=\?([!-<>@-~]{1,60})\?([bBqQ])\?([^?\r\n]*)\?=")
_GAP = re.compile(rb"(\?=)[ \t]+(?==\?)")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029]")

_WIDER = {
    # What the label says, and the superset that senders really use.
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-2022-jp": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "windows-31j": "cp932",
    "unicode-1-1-utf-7": "utf-8",
    "utf-7": "utf-8",
}


@lru_cache(maxsize=256)
def codec_named(charset: str) -> str:
    """The Python codec for a charset label; UTF-8 where the label is unknown or names something that is no charset."""
    name = charset.strip().strip("\"'").lower()
    name = _WIDER.get(name, name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return "utf-8"
    # hex, zlib, rot13 and the like are codecs too, and a zlib "charset" would be a bomb
    return info.name if getattr(info, "_is_text_encoding", False) and info.name not in _NOT_CHARSETS else "utf-8"


_NOT_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})


def decode_bytes(data: bytes, charset: str = "utf-8") -> str:
    """Bytes under a label that may be wrong: as labelled, else as UTF-8, else as the label says with marks for the
    rest."""
    codec = codec_named(charset)
    if codec == "cp1252":
        try:
            return data.decode(
                "utf-8"
            )  # a false "us-ascii" or "iso-8859-1" label over UTF-8 is common; the reverse is not
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        pass  # fall through to guesses that cannot fail
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252" if codec == "utf-8" else codec, "replace")


def decode_words(value: bytes) -> str:
    """A header value as text: encoded words decoded, white space collapsed, control characters removed."""
    if b"=?" not in value:
        text = value.decode("ascii") if value.isascii() else decode_bytes(value)
    elif value[:8].lower() == b"=?utf-8?" and value.count(b"?") == 4 and value[9:10] == b"?" and value[-2:] == b"?=":
        text = _one_word(value)
    else:
        text = _decode(_GAP.sub(rb"\1", value))
    if not text.isprintable():
        text = _CONTROLS.sub(" ", text)
    return " ".join(text.split())


def _one_word(value: bytes) -> str:
    """One encoded word and nothing else, in UTF-8: nearly every subject that is not ASCII."""
    code, content = value[8:9], value[10:-2]
    if code in b"bB":
        return decode_bytes(_from_base64(content))
    return decode_bytes(_from_q(content)) if code in b"qQ" else _decode(value)


def _decode(value: bytes) -> str:
    pieces: list[tuple[str, bytes]] = []  # neighbours of one charset are joined: some senders cut inside a character
    position = 0
    for word in _WORD.finditer(value):
        if word.start() > position:
            pieces.append(("", value[position : word.start()]))
        charset = word.group(1).partition(b"*")[0].decode("ascii", "replace").lower()  # RFC 2231 adds *language
        content = _from_base64(word.group(3)) if word.group(2) in b"bB" else _from_q(word.group(3))
        if (
            pieces
            and pieces[-1][0] == charset
            and word.start() == position
            and codec_named(charset) != "iso2022_jp_ext"
        ):
            pieces[-1] = (charset, pieces[-1][1] + content)
        else:
            pieces.append((charset, content))
        position = word.end()
    if position < len(value):
        pieces.append(("", value[position:]))
    return "".join(decode_bytes(content, charset or "utf-8") for charset, content in pieces)


def _from_base64(text: bytes) -> bytes:
    text = text.rstrip(b"=")
    if len(text) % 4 == 1:
        text = text[:-1]
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def _from_q(text: bytes) -> bytes:
    return binascii.a2b_qp(text.replace(b"_", b" "), header=False)
