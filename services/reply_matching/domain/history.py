"""Where a mail stops being new: the line that introduces the quoted history, as clients and languages write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.reply_matching.domain.lines import Line
from services.reply_matching.domain.quote_phrases import (
    ABOVE_THIS_LINE,
    ATTRIBUTION_OPENS,
    BEGINS_FORWARD,
    CJK_ATTRIBUTION,
    DASHES,
    DATE_OPENS,
    LABEL,
    SEPARATOR,
    UNDERSCORES,
    VERB,
    WORDLESS_ATTRIBUTION,
)

MAX_ATTRIBUTION = 400
_MAX_ATTRIBUTION_LINES = 4


@dataclass(frozen=True, slots=True)
class Introduction:
    """Lines `start` to `end` introduce history; `to_the_end` when all that follows is history."""

    start: int
    end: int
    to_the_end: bool


def introduction_at(lines: Sequence[Line], index: int) -> Introduction | None:
    """The introduction that begins on this line; None when none does."""
    text = lines[index].text.strip()
    if not text or len(text) > MAX_ATTRIBUTION:
        return None
    lowered = text.lower()
    if _is_separator(lowered):
        return Introduction(index, index + 1, True)
    if UNDERSCORES.match(lowered):
        following = _next_filled(lines, index + 1)
        if following is not None and _header_block(lines, following):
            return Introduction(index, following, True)
        return None
    if _header_block(lines, index):
        return Introduction(index, index + 1, True)
    end = _attribution_end(lines, index, lowered)
    if end is None:
        return None
    following = _next_filled(lines, end)
    quoted_next = following is not None and lines[following].depth > lines[index].depth
    return Introduction(index, end, not quoted_next)


def _is_separator(lowered: str) -> bool:
    if len(lowered) > 120:
        return False
    if ABOVE_THIS_LINE.match(lowered) or BEGINS_FORWARD.match(lowered):
        return True
    return DASHES.search(lowered) is not None and SEPARATOR.match(lowered) is not None


def _attribution_end(lines: Sequence[Line], index: int, lowered: str) -> int | None:
    """`On …, somebody <address> wrote:`, which clients break over up to four lines; the line after it."""
    lowered = lowered.lstrip("- ")
    opens = ATTRIBUTION_OPENS.match(lowered) is not None
    joined = ""
    depth = lines[index].depth
    broken = opens or (DATE_OPENS.match(lowered) and any("@" in line.text for line in lines[index : index + 3]))
    for offset in range(_MAX_ATTRIBUTION_LINES if broken else 1):
        place = index + offset
        if place >= len(lines):
            return None
        piece = lines[place].text.strip().strip("-").strip().lower()
        if lines[place].depth != depth:
            if piece != ":" or joined.rfind("<") <= joined.rfind(">"):
                return None
            piece = ">:"  # the address was broken before its bracket, which then looks like a quote's
        if not piece:
            return None
        joined = f"{joined} {piece}".strip()
        if len(joined) > MAX_ATTRIBUTION:
            return None
        if joined.endswith((":", "：")):
            return place + 1 if _attributes(joined.replace(" >:", ">:"), opens) else None
        if joined.endswith(_BARE_VERB) and opens and "@" in joined and VERB.search(joined):
            return place + 1
    return None


_BARE_VERB = (" wrote", " schrieb", " a écrit", " escribió", " escreveu", " ha scritto", " schreef", " skrev")


def _attributes(joined: str, opens: bool) -> bool:
    """Whether a line that ends in a colon says who wrote what follows."""
    if CJK_ATTRIBUTION.search(joined) or WORDLESS_ATTRIBUTION.match(joined):
        return True
    named = "@" in joined or any(char.isdigit() for char in joined)
    return named and VERB.search(joined) is not None and (opens or "@" in joined)


def _header_block(lines: Sequence[Line], index: int) -> bool:
    """`From: / Sent: / To: / Subject:` in any of the languages: the first is From, and two others follow closely."""
    first = LABEL.match(lines[index].text.lower()[:60])
    if first is None or first.lastgroup not in ("from", "sent", "subject"):
        return False
    kinds = {first.lastgroup}
    seen = 0
    for line in lines[index + 1 : index + 14]:
        text = line.text.strip().lower()[:60]
        if not text:
            continue
        seen += 1
        label = LABEL.match(text)
        if label and label.lastgroup:
            kinds.add(label.lastgroup)
        if seen >= 7:
            break
    return "from" in kinds and len(kinds - {"cc"}) >= 3


def _next_filled(lines: Sequence[Line], index: int) -> int | None:
    for place in range(index, min(len(lines), index + 6)):
        if lines[place].text.strip():
            return place
    return None
