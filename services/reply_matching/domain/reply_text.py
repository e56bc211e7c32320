"""The new words of a reply, with the quoted history and the signature apart; from text or from HTML alone."""

from __future__ import annotations

from dataclasses import dataclass

from services.reply_matching.domain.html_lines import html_to_lines
from services.reply_matching.domain.lines import Line, text_to_lines
from services.reply_matching.domain.mime_reading import Mail


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A reply's text in three. `new` keeps answers written between quoted lines."""

    new: str
    quoted: str = ""
    signature: str = ""


def new_text(text: str | None, html: str | None = None) -> ReplyText:
    """Take the reply apart. HTML is read only where there is no text."""
    lines = text_to_lines(text) if text and text.strip() else html_to_lines(html or "")
    return split_reply(lines)


def split_reply(lines: list[Line]) -> ReplyText:
    kept = [line.text for line in lines if not line.depth and not line.signature]
    quoted = [line.text for line in lines if line.depth]
    signature = [line.text for line in lines if not line.depth and line.signature]
    return ReplyText("\n".join(kept).strip(), "\n".join(quoted).strip(), "\n".join(signature).strip())


def new_text_of(mail: Mail) -> ReplyText:
    """The reply's text from a whole message: its text part, or its HTML where it has nothing else."""
    text = html = None
    for part in mail.text_parts:
        if part.type.name == "text/plain" and text is None:
            text = part.text()
        elif part.type.name == "text/html" and html is None:
            html = part.text()
    return new_text(text, html)
