"""Where a person's words end and their signature begins."""

from __future__ import annotations

from collections.abc import Sequence

from services.reply_matching.domain.quote_phrases import CLOSINGS, DISCLAIMER, MOBILE, THANKS

MAX_SIGNATURE_LINES = 25
_NAME_WORDS = 6


def signature_start(texts: Sequence[str]) -> int:
    """The index of the signature's first line in a reply's new lines; their number when there is none."""
    last = len(texts)
    while last and not texts[last - 1].strip():
        last -= 1
    first = max(0, last - MAX_SIGNATURE_LINES)
    for index in range(first, last):
        text = texts[index].strip()
        if not text:
            continue
        if text in ("--", "—", "-- ", "__") or (len(text) < 6 and set(text) == {"-"}):
            return index
        if len(text) > 400:
            continue
        lowered = text.lower().strip("*_ ")
        if len(text) < 120 and MOBILE.match(lowered) and last - index <= 6:
            return index
        if DISCLAIMER.match(lowered) and index > 0:
            return index
        if index and _closes(lowered, texts[index + 1 : last]) and any(one.strip() for one in texts[:index]):
            return index
    return last


def _closes(lowered: str, following: Sequence[str]) -> bool:
    words = lowered.rstrip(",.!;、。 ")
    after = [one.strip() for one in following if one.strip()]
    if words in CLOSINGS:
        return True
    if words in THANKS:  # "Thanks" may be all that they say: it closes only when a name follows
        return bool(after) and len(after[0].split()) <= _NAME_WORDS and not after[0].endswith(("?", ":"))
    head, comma, name = words.partition(",")  # "Best regards, Bob"
    return bool(comma) and head.strip() in CLOSINGS and len(name.split()) <= _NAME_WORDS
