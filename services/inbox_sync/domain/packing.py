"""Cuts a page of header sets into judge requests that are small enough for one bus message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.providers.types import HeaderSet

MAX_MESSAGES = 500
MAX_OCTETS = 512 * 1024


def batches(
    headers: Sequence[HeaderSet], max_messages: int = MAX_MESSAGES, max_octets: int = MAX_OCTETS
) -> Iterator[Sequence[HeaderSet]]:
    """In order, none lost, none twice. A single block over the limit travels alone."""
    begin = 0
    octets = 0
    for index, header in enumerate(headers):
        size = len(header.block)
        if index > begin and (index - begin >= max_messages or octets + size > max_octets):
            yield headers[begin:index]
            begin, octets = index, 0
        octets += size
    if begin < len(headers):
        yield headers[begin:]
