"""The new words of a reply, with the quoted history and the signature apart; from text, or from HTML alone.

mail-parser-reply knows many languages' phrases, but it was not taken for this: its patterns nest repetitions
(`(?:…\\s{,2}.*){2,}`), its time grows with the square of a hostile text, it drops answers written between quoted lines,
and it reads no HTML. Ours looks at each line a bounded number of times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.reply_matching.domain.history import introduction_at
from services.reply_matching.domain.html_lines import html_to_lines
from services.reply_matching.domain.lines import Line, text_to_lines
from services.reply_matching.domain.mime_reading import Mail
from services.reply_matching.domain.signature import signature_start

_LONG_QUOTED = 68  # a quoted line this long was probably broken by the client, and its rest lost its mark


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A reply's text in three. `new` keeps answers written between quoted lines."""

    new: str
    quoted: str = ""
    signature: str = ""


def new_text_of(mail: Mail) -> ReplyText:
    """The reply's text from a whole message: its text part, or its HTML where it has nothing else."""
    text, html = bodies_of(mail)
    return new_text(text, html)


def bodies_of(mail: Mail) -> tuple[str | None, str | None]:
    """The message's own words as (text, HTML), each the first of its kind; None where there is none."""
    text = html = None
    for part in mail.text_parts:
        if part.type.name == "text/plain" and text is None:
            text = part.text()
        elif part.type.name == "text/html" and html is None:
            html = part.text()
    return text, html


def new_text(text: str | None, html: str | None = None) -> ReplyText:
    """Take the reply apart. HTML is read only where there is no text."""
    return split_reply(text_to_lines(text) if text and text.strip() else html_to_lines(html or ""))


def split_reply(lines: Sequence[Line]) -> ReplyText:
    """Take lines apart: what is quoted or follows an introduction is history, the end of the rest may be a
    signature."""
    kept: list[str] = []
    quoted: list[str] = []
    signature: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.rest_is_quote:
            quoted.extend(one.text for one in lines[index:])
            break
        if line.depth:
            quoted.append(line.text)
        elif line.signature:
            signature.append(line.text)
        else:
            introduction = introduction_at(lines, index)
            if introduction is not None:
                end = len(lines) if introduction.to_the_end else introduction.end
                quoted.extend(one.text for one in lines[index:end])
                index = end
                continue
            if _is_broken_off(lines, index):
                quoted.append(line.text)
            else:
                kept.append(line.text)
        index += 1
    cut = signature_start(kept)
    return ReplyText(_text(kept[:cut]), _text(quoted), _text([*kept[cut:], *signature]))


def _is_broken_off(lines: Sequence[Line], index: int) -> bool:
    """The end of a long quoted line that a client broke and did not mark: a short line between two quoted ones."""
    if not 0 < index < len(lines) - 1 or not lines[index].text.strip():
        return False
    before, after = lines[index - 1], lines[index + 1]
    return bool(
        before.depth
        and after.depth == before.depth
        and len(before.text) >= _LONG_QUOTED
        and after.text.strip()
        and len(lines[index].text) < _LONG_QUOTED
    )


def _text(lines: Sequence[str]) -> str:
    """Lines as text, with no more than one empty line in a row."""
    joined: list[str] = []
    for line in lines:
        if line.strip() or (joined and joined[-1]):
            joined.append(line.rstrip() if line.strip() else "")
    return "\n".join(joined).strip()
