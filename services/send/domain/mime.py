"""Renders a draft as the bytes that travel: by hand and joined once, because `EmailMessage` costs 500 us a message."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count

from services.providers.types import Envelope, Outgoing
from services.send.domain import headers
from services.send.domain.draft import Attachment, Draft, Unsubscribe
from services.send.domain.extra_headers import extra_header
from services.send.domain.invalid import InvalidField
from services.send.domain.limits import Limits, require_size, require_within

Piece = list[bytes]
"""A MIME entity in pieces: its header fields, an empty line, its body."""

_ASCII = bytes(range(128))
_LONGEST_LINE = 998
_CONTENT_TYPE = re.compile(r"([A-Za-z0-9!#$&^_.+-]{1,127})/([A-Za-z0-9!#$&^_.+-]{1,127})((?:;[\x20-\x7e]*)?)\Z")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=^_`{|}~.@-]{1,200}\Z")
_HTTPS = re.compile(r"https://[\x21\x23-\x3b\x3d\x3f-\x7e]{1,1990}\Z", re.IGNORECASE)
_MAILTO = re.compile(r"(?:mailto:)?[\x21\x23-\x3b\x3d\x3f-\x7e]+@[\x21\x23-\x3b\x3d\x3f-\x7e]+\Z", re.IGNORECASE)


def freeze(draft: Draft, limits: Limits | None = None) -> Outgoing:
    """The message with its envelope, as it is handed over now and at every retry. Raises `InvalidField`."""
    limits = limits or Limits()
    require_within(draft, limits)
    mime = render(draft, limits.references)
    require_size(len(mime), limits)
    recipients = dict.fromkeys(box.email for box in (*draft.to, *draft.cc, *draft.bcc))
    return Outgoing(Envelope(draft.sender.email, tuple(recipients)), mime, draft.message_id, draft.marker)


def render(draft: Draft, references: int = 20) -> bytes:
    """CRLF line ends, no Bcc field, no line over 998 octets, 7-bit but for international local parts (RFC 6532).
    The same draft gives the same bytes. Raises `InvalidField`."""
    pieces = _fields(draft, references)
    pieces += _content(draft)
    return b"".join(pieces)


def _fields(draft: Draft, references: int) -> Piece:
    for name, value in (("message_id", headers.is_message_id(draft.message_id)), ("marker", _is_marker(draft.marker))):
        if not value:
            raise InvalidField(name, "cannot be written into a header", "Derive it anew.")
    fields = [
        f"Date: {headers.date(draft.date)}\r\n".encode("ascii"),
        headers.mailboxes("From", (draft.sender,)),
        headers.mailboxes("To", draft.to) if draft.to else b"",
        headers.mailboxes("Cc", draft.cc) if draft.cc else b"",
        headers.mailboxes("Reply-To", (draft.reply_to,)) if draft.reply_to else b"",
        headers.text("Subject", headers.one_line("subject", draft.subject)),
        f"Message-ID: {draft.message_id}\r\nX-Replywire-Id: {draft.marker}\r\n".encode("ascii"),
    ]
    if not draft.to and not draft.cc:
        fields.append(b"To: undisclosed-recipients:;\r\n")
    fields += _thread(draft, references)
    if draft.unsubscribe:
        fields += _unsubscribe(draft.unsubscribe)
    fields += [extra_header(name, value) for name, value in draft.headers.items()]
    fields.append(b"MIME-Version: 1.0\r\n")
    return fields


def _thread(draft: Draft, most: int) -> Piece:
    """The chain, bounded: its first message and the latest ones, which is what readers thread by (RFC 5322 3.6.4)."""
    chain = dict.fromkeys(each for each in draft.references if headers.is_message_id(each))
    answered = draft.in_reply_to if draft.in_reply_to and headers.is_message_id(draft.in_reply_to) else None
    if answered:
        chain.pop(answered, None)
        chain[answered] = None
    ids = list(chain)
    if len(ids) > most:
        ids = ids[:1] + ids[len(ids) - most + 1 :]
    fields = [headers.identifiers("In-Reply-To", (answered,))] if answered else []
    return [*fields, headers.identifiers("References", ids)] if ids else fields


def _unsubscribe(wish: Unsubscribe) -> Piece:
    ways = []
    if wish.url is not None:
        if not _HTTPS.match(wish.url):
            raise InvalidField("unsubscribe.url", "is not an https address", "Give one without spaces or brackets.")
        ways.append(wish.url)
    if wish.mailto is not None:
        if not _MAILTO.match(wish.mailto):
            raise InvalidField("unsubscribe.mailto", "is not an e-mail address", "Give one such as leave@example.org.")
        ways.append(wish.mailto if wish.mailto[:7].lower() == "mailto:" else f"mailto:{wish.mailto}")
    if wish.one_click and wish.url is None:
        raise InvalidField(
            "unsubscribe.one_click", "needs unsubscribe.url", "Give the https address that unsubscribes."
        )
    # A folded way stays in one piece: the line breaks only between them.
    fields = [headers.identifiers("List-Unsubscribe", [f"<{way}>" + "," * (way is not ways[-1]) for way in ways])]
    if wish.one_click:
        fields.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    return fields if ways else []


def _content(draft: Draft) -> Piece:
    if draft.text is None and draft.html is None:
        body = _text("plain", "text", "")
    elif draft.html is None:
        body = _text("plain", "text", draft.text or "")
    else:
        body = _text("html", "html", draft.html)
    if draft.html is None and not draft.attachments:
        return body
    boundaries = (_boundary(draft.message_id, number) for number in count())
    inline = [_file(n, each) for n, each in enumerate(draft.attachments) if draft.html is not None and each.content_id]
    attached = [_file(n, each) for n, each in enumerate(draft.attachments) if draft.html is None or not each.content_id]
    if inline:
        body = _multipart('related; type="text/html"', [body, *inline], boundaries)
    if draft.html is not None and draft.text is not None:
        body = _multipart("alternative", [_text("plain", "text", draft.text), body], boundaries)
    if attached:
        body = _multipart("mixed", [body, *attached], boundaries)
    return body


def _text(subtype: str, field: str, content: str) -> Piece:
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    if not content.endswith("\n"):
        content += "\n"
    try:
        octets = content.replace("\n", "\r\n").encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidField(field, "holds half a character (a lone surrogate)", "Send valid Unicode text.") from None
    encoding, body = _encoded(octets)
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return [head.encode("ascii"), body]


def _encoded(octets: bytes) -> tuple[str, bytes]:
    """As it is where that survives every relay, else the shorter of quoted-printable and base64."""
    foreign = 0 if octets.isascii() else len(octets.translate(None, _ASCII))
    if not foreign and _travels_unchanged(octets):
        return "7bit", octets
    if foreign * 6 <= len(octets):
        return "quoted-printable", _quoted_printable(octets)
    return "base64", _base64(octets)


def _travels_unchanged(octets: bytes) -> bool:
    return (
        b"\0" not in octets
        and b"\nFrom " not in octets  # mbox stores write `>From`, which breaks signatures
        and not octets.startswith(b"From ")
        and max(map(len, octets.split(b"\n"))) <= _LONGEST_LINE
    )


def _quoted_printable(octets: bytes) -> bytes:
    encoded = b"\r\n" + binascii.b2a_qp(octets, istext=True)
    return encoded.replace(b"\r\nFrom ", b"\r\n=46=\r\nrom ")[2:]


def _base64(octets: bytes) -> bytes:
    line = binascii.b2a_base64(octets, newline=False)
    lines = [line[start : start + 76] for start in range(0, len(line), 76)]
    lines.append(b"")
    return b"\r\n".join(lines)


def _file(position: int, file: Attachment) -> Piece:
    field = f"attachments[{position}]"
    matched = _CONTENT_TYPE.match(file.content_type)
    if matched is None or matched[1].lower() == "multipart":
        raise InvalidField(f"{field}.content_type", "is not a media type", "Give one such as application/pdf.")
    name = headers.one_line(f"{field}.filename", file.filename)
    if not name or "/" in name or "\\" in name:
        raise InvalidField(f"{field}.filename", "is not the name of a file", "Give the name alone, without folders.")
    media = f"{matched[1]}/{matched[2]}".lower()
    encoding, body = "base64", b""
    if matched[1].lower() == "message":  # RFC 2046 5.2: nothing of this kind may be base64
        media, encoding, body = _message(media, file.content)
    shown = "inline" if file.content_id else "attachment"
    head = (
        f"Content-Type: {media}{_parameters(matched[3])}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n"
        f"Content-Disposition: {shown}{headers.parameter('filename', name)}\r\n"
    )
    if file.content_id:
        content_id = file.content_id.strip("<>")
        if not _CONTENT_ID.match(content_id):
            raise InvalidField(
                f"{field}.content_id", "cannot be written into a header", "Use letters, digits, . and @."
            )
        head += f"Content-ID: <{content_id}>\r\n"
    return [f"{head}\r\n".encode("ascii"), body or _base64(file.content)]


def _message(media: str, content: bytes) -> tuple[str, str, bytes]:
    octets = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
    if octets.isascii() and _travels_unchanged(octets):
        return media, "7bit", octets
    return "application/octet-stream", "base64", b""


def _parameters(given: str) -> str:
    """The charset of a text file survives; other parameters have no say (`name` is ours, `boundary` would mislead)."""
    charset = re.search(r";\s*charset=\"?([A-Za-z0-9_.:+-]{1,40})\"?", given, re.IGNORECASE)
    return f"; charset={charset[1]}" if charset else ""


def _multipart(kind: str, parts: list[Piece], boundaries: Iterator[bytes]) -> Piece:
    boundary = next(each for each in boundaries if not any(each in piece for part in parts for piece in part))
    head = f'Content-Type: multipart/{kind};\r\n boundary="{boundary.decode("ascii")}"\r\n\r\n'.encode("ascii")
    pieces = [head]
    for part in parts:
        pieces += (b"--", boundary, b"\r\n", *part, b"\r\n")
    pieces += (b"--", boundary, b"--\r\n")
    return pieces


def _boundary(message_id: str, number: int) -> bytes:
    # `=_` occurs neither in quoted-printable nor in base64.
    digest = blake2b(message_id.encode("ascii"), digest_size=12, person=b"boundary").hexdigest()
    return f"=_{digest}_{number}".encode("ascii")


def _is_marker(value: str) -> bool:
    return len(value) <= 128 and headers.is_token(value)
