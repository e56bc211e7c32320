"""A set of UIDs as ranges: UIDs are sparse and only grow, and a mailbox of a million messages becomes a few bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]
"""First and last UID, both in the set with all between."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Ascending, without overlap."""

    spans: tuple[Span, ...]

    @property
    def count(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    def clipped(self, first: int, last: int) -> Spans:
        """Those from `first` up to and including `last`."""
        cut = ((max(low, first), min(high, last)) for low, high in self.spans)
        return Spans(tuple((low, high) for low, high in cut if low <= high))

    def pages(self, size: int) -> Iterator[Spans]:
        """The same UIDs, at most `size` at a time."""
        page: list[Span] = []
        room = size
        for span in self.spans:
            low, high = span
            while low <= high:
                upto = min(high, low + room - 1)
                page.append((low, upto))
                room -= upto - low + 1
                low = upto + 1
                if room == 0:
                    yield Spans(tuple(page))
                    page, room = [], size
        if page:
            yield Spans(tuple(page))

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in self.spans)


def of_uids(uids: Iterable[int]) -> Spans:
    """From single UIDs in any order (the answer to SEARCH)."""
    spans: list[Span] = []
    first = last = 0
    for uid in sorted(uids):
        if uid <= last:
            continue
        if uid == last + 1 and first:
            last = uid
            continue
        if first:
            spans.append((first, last))
        first = last = uid
    if first:
        spans.append((first, last))
    return Spans(tuple(spans))


def parse(text: bytes) -> Spans:
    """From a sequence set (`1:5,8`, ESEARCH's ALL). Raises `ValueError`."""
    found: list[Span] = []
    for piece in text.split(b","):
        low, colon, high = piece.partition(b":")
        first, last = int(low), int(high if colon else low)
        found.append((first, last) if first <= last else (last, first))
    merged: list[Span] = []
    for first, last in sorted(found):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return Spans(tuple(merged))
