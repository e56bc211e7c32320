from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.imap.framing import Bounds, Framer, FramingError

LINE = st.binary(max_size=40).map(lambda octets: octets.translate(None, b"\r\n{}"))
LITERAL = st.binary(max_size=200)
STATUSES = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")
"""Their text announces no literal."""
FIRST = LINE.filter(lambda line: not line.upper().startswith(STATUSES))
RESPONSE = st.tuples(FIRST, st.lists(st.tuples(LITERAL, LINE), max_size=3))


def on_the_wire(line: bytes, pieces: list[tuple[bytes, bytes]]) -> tuple[bytes, list[bytes]]:
    octets, parts = b"* " + line, [b"* " + line]
    for literal, text in pieces:
        announced = b"{%d}" % len(literal)
        octets += announced + b"\r\n" + literal + text
        parts[-1] += announced
        parts += [literal, text]
    return octets + b"\r\n", parts


def fed(chunks: list[bytes], bounds: Bounds | None = None) -> list[list[bytes]]:
    framer = Framer()
    framer.begin(bounds or Bounds())
    return [response for chunk in chunks for response in framer.feed(chunk)]


@given(st.lists(RESPONSE, max_size=6), st.lists(st.integers(min_value=1, max_value=60), max_size=80))
def test_any_cutting_of_the_stream_gives_the_same_responses(
    responses: list[tuple[bytes, list[tuple[bytes, bytes]]]], sizes: list[int]
) -> None:
    wire = [on_the_wire(*response) for response in responses]
    stream = b"".join(octets for octets, _ in wire)
    chunks, position = [], 0
    for size in sizes:
        chunks.append(stream[position : position + size])
        position += size
    chunks.append(stream[position:])
    assert fed(chunks) == [parts for _, parts in wire]


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_whatever_comes_either_frames_or_is_refused(chunks: list[bytes]) -> None:
    try:
        responses = fed(chunks, Bounds(total=500, literal=50))
    except FramingError:
        return
    assert sum(len(part) for response in responses for part in response) <= sum(map(len, chunks))


def test_octets_beyond_what_is_kept_of_a_literal_are_read_and_dropped() -> None:
    stream = b"* 1 FETCH (BODY[] {10}\r\n0123456789)\r\n* OK\r\n"
    expected = [[b"* 1 FETCH (BODY[] {10}", b"0123", b")"], [b"* OK"]]
    assert fed([stream], Bounds(keep=4)) == expected
    assert fed([stream[at : at + 1] for at in range(len(stream))], Bounds(keep=4)) == expected


@pytest.mark.parametrize("size", [b"4294967296", b"9" * 5000])
def test_a_literal_of_four_gibibytes_is_refused_when_it_is_announced(size: bytes) -> None:
    with pytest.raises(FramingError, match="literal"):
        fed([b"* 1 FETCH (BODY[] {" + size + b"}\r\n"])


def test_a_line_without_an_end_is_refused_at_the_bound() -> None:
    with pytest.raises(FramingError):
        fed([b"* " + b"x" * 1000] * 10, Bounds(total=5000))


def test_responses_without_an_end_are_refused_at_the_bound() -> None:
    with pytest.raises(FramingError):
        fed([b"* OK\r\n" * 11], Bounds(responses=10))


def test_a_new_command_begins_with_fresh_bounds() -> None:
    framer = Framer()
    for _ in range(5):
        framer.begin(Bounds(total=10))
        assert framer.feed(b"* OK\r\n") == [[b"* OK"]]


@pytest.mark.parametrize("line", [b"* OK mailbox {5}", b"* NO {5}", b"A1 OK {5}", b"+ {5}", b"* BYE {5}"])
def test_a_status_that_ends_like_a_literal_announces_none(line: bytes) -> None:
    assert fed([line + b"\r\n"]) == [[line]]


def test_a_long_line_in_single_octets_is_cut_in_linear_time() -> None:
    line = b"* SEARCH " + b"1 " * 200_000
    stream = line + b"\r\n"
    assert fed([stream[at : at + 1] for at in range(len(stream))]) == [[line]]
