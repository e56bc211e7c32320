"""A report's words for people, cut from the copy of the original message that often follows in the same text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.reply_matching.domain.headers import Headers, parse_block
from services.reply_matching.domain.html_lines import html_to_lines
from services.reply_matching.domain.mime_reading import Mail, Part

MAX_NOTICE = 16 * 1024
MAX_NOTICE_LINES = 400
EMBEDDED_TYPES = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "text/rfc822")
_FIELD = re.compile(
    r"(?:received|return-path|message-id|from|to|subject|date|dkim-signature|x-[\w-]{1,40}|mime-version|"
    r"content-[\w-]{1,30}|"
    r"reply-to|sender|delivered-to|arc-[\w-]{1,30}|authentication-results|domainkey-signature|list-[\w-]{1,20}|cc|"
    r"in-reply-to|"
    r"references|user-agent|envelope-to|delivery-date|errors-to|auto-submitted|precedence|importance|"
    r"thread-[\w]{1,10}):",
    re.IGNORECASE,
)
_STRONG_FIELD = re.compile(
    r"(?:received|return-path|message-id|dkim-signature|mime-version|x-received):", re.IGNORECASE
)
_DIVIDER = re.compile(
    r"(?:original|returned|undelivered|unsent|failed|bounced|rejected) (?:e-?mail |mail )?(?:message|mail|text|"
    r"headers?)\b"
    r".{0,30}(?:follow|below|attached|header|$|-)|message (?:text|headers?) (?:follow|is)|copy of (?:the|your|this) "
    r"(?:original )?(?:e-?mail |mail )?(?:message|mail|headers?)|below this line|header of the (?:original )?message|"
    r"(?:start|begin) of .{0,20}message",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a report says in its own words, and the original's headers where it carries them."""

    text: str
    original: Headers | None = None


def read_notice(mail: Mail) -> Notice:
    """Read the report's text parts up to the original's copy."""
    original: Headers | None = None
    embedded = mail.first(*EMBEDDED_TYPES)
    if embedded is not None:
        original = headers_of_part(embedded)
    text = "\n".join(_words(part) for part in _notice_parts(mail))[:MAX_NOTICE]
    lines = text.split("\n", MAX_NOTICE_LINES)[:MAX_NOTICE_LINES]
    end = _original_starts(lines)
    if end is not None and original is None:
        copied = [line.strip("\r") for line in text.split("\n")[end:]]
        original = parse_block(_unindented(copied).encode("utf-8", "replace"))
    return Notice("\n".join(lines[:end]).strip(), original if original is not None and len(original) else None)


def headers_of_part(part: Part) -> Headers:
    """The headers of the message inside a part; reports put them flat (`text/rfc822-headers`), as a message, or
    twice."""
    return parse_block(part.content(64 * 1024).lstrip(b"\r\n \t"))


def _notice_parts(mail: Mail) -> list[Part]:
    parts: list[Part] = []
    for part in mail.parts:
        if part.type.name in EMBEDDED_TYPES:
            break
        if (
            part.type.name == "text/plain"
            or (part.type.name == "text/html" and not parts)
            or part.type.name.startswith("multipart/")
        ):
            parts.append(part)
    return parts[:4]


def _words(part: Part) -> str:
    text = part.text(MAX_NOTICE)
    if part.type.name == "text/html":
        return "\n".join(line.text for line in html_to_lines(text))
    return text


def _original_starts(lines: list[str]) -> int | None:
    """The first line of the original's copy: two header fields close together, one of them a field only mail carries,
    or after a line that announces it."""
    announced = -10
    for index, line in enumerate(lines):
        stripped = line.strip()
        if not stripped:
            continue
        if _FIELD.match(stripped) and " " not in stripped.partition(":")[0]:
            near = _until_blank(lines[index + 1 : index + 12])
            fields = [one for one in near if _FIELD.match(one)]
            strong = _STRONG_FIELD.match(stripped) or any(_STRONG_FIELD.match(one) for one in fields)
            if strong and (fields or _STRONG_FIELD.match(stripped)):
                return index
            if index - announced <= 4 and (fields or len(near) < 3):
                return index
        elif _DIVIDER.search(stripped[:200]):
            announced = index
    return None


def _until_blank(lines: list[str]) -> list[str]:
    stripped = [line.strip() for line in lines]
    return stripped[: stripped.index("")] if "" in stripped else stripped


def _unindented(lines: list[str]) -> str:
    first = lines[0]
    indent = len(first) - len(first.lstrip())
    if not indent:
        return "\n".join(lines)
    return "\n".join(line[indent:] if not line[:indent].strip() else line for line in lines)
