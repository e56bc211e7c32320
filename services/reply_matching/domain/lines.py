"""A mail's text as lines, each with how deep it is quoted; the form in which text and HTML meet."""

from __future__ import annotations

from dataclasses import dataclass

MAX_TEXT = 512 * 1024
MAX_LINES = 20_000
MAX_LINE = 8_000


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    """Without its quote marks."""
    depth: int = 0
    """How many times it is quoted."""
    signature: bool = False
    """The client marked it as part of a signature."""
    rest_is_quote: bool = False
    """The client marked everything from here on as history."""


def text_to_lines(text: str) -> list[Line]:
    """Cut plain text into lines and count their quote marks (`> > text`)."""
    return [_line(line[:MAX_LINE]) for line in text[:MAX_TEXT].split("\n", MAX_LINES)[:MAX_LINES]]


def _line(text: str) -> Line:
    text = text.rstrip().lstrip("\ufeff\u200b")
    depth = position = 0
    for index, char in enumerate(text[:200]):
        if char == ">":
            depth, position = depth + 1, index + 1
        elif char not in " \xa0|":
            break
    return Line(text[position:].strip() if depth else text, depth)
