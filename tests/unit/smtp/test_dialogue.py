"""Replies as they may be cut by the network, and bytes that are none: by hypothesis."""

from __future__ import annotations

import asyncio

import aiosmtplib
from hypothesis import given
from hypothesis import strategies as st

from services.providers.smtp.dialogue import Dialogue
from services.providers.smtp.replies import Reply


class Wire(asyncio.Transport):
    """The socket's end: takes what is written, and closes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    close = abort


def dialogue() -> Dialogue:
    made = Dialogue(aiosmtplib.SMTP(), asyncio.get_running_loop())
    made.connection_made(Wire())
    return made


words = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
replies = st.tuples(st.integers(200, 599), st.lists(words, min_size=1, max_size=4))


def written(reply: tuple[int, list[str]]) -> bytes:
    code, lines = reply
    last = len(lines) - 1
    return b"".join(f"{code}{'-' if at < last else ' '}{line}\r\n".encode() for at, line in enumerate(lines))


@given(st.lists(replies, min_size=1, max_size=6), st.lists(st.integers(1, 30), max_size=40))
def test_replies_are_the_same_however_they_are_cut(sent: list[tuple[int, list[str]]], cuts: list[int]) -> None:
    async def read() -> list[Reply]:
        talk = dialogue()
        talk.send(b"NOOP\r\n" * len(sent), len(sent))
        octets = b"".join(map(written, sent))
        for cut in cuts:
            talk.data_received(octets[:cut])
            octets = octets[cut:]
            if not octets:
                break
        if octets:
            talk.data_received(octets)
        assert talk.usable is False  # the replies are not read yet
        found = [await talk.reply(1) for _ in sent]
        assert talk.usable
        return found

    expected = [Reply(code, "\n".join(line.strip() for line in lines)) for code, lines in sent]
    assert asyncio.run(read()) == expected


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.integers(0, 4))
def test_no_bytes_break_the_reader_and_none_pass_unasked(chunks: list[bytes], asked: int) -> None:
    async def feed() -> None:
        talk = dialogue()
        if asked:
            talk.send(b"NOOP\r\n" * asked, asked)
        for chunk in chunks:
            talk.data_received(chunk)
        got = 0
        while talk._replies:
            reply = await talk.reply(1)
            assert 200 <= reply.code <= 599
            got += 1
        assert got <= asked
        if chunks and not asked:
            assert talk.tainted
            assert not talk.usable

    asyncio.run(feed())


@given(st.integers(1, 200_000))
def test_what_is_kept_of_an_endless_reply_is_bounded(size: int) -> None:
    async def feed() -> None:
        talk = dialogue()
        talk.send(b"NOOP\r\n", 1)
        for start in range(0, size, 4096):
            talk.data_received(b"250-" + b"x" * min(4096, size - start))
        assert len(talk._partial) <= 2 * 8192
        assert (talk.failure is not None) == (size + 4 * -(-size // 4096) > 8192)

    asyncio.run(feed())
