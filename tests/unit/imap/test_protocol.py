from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from services.providers.imap.framing import Bounds
from services.providers.imap.protocol import ENDED, Exchange, LinearProtocol

_PIECES = st.sampled_from(
    [
        b"* ",
        b"+ ",
        b"OK",
        b"NO",
        b"BAD",
        b"BYE",
        b" ",
        b"5",
        b"EXISTS",
        b"EXPUNGE",
        b"FETCH (",
        b"{3}",
        b"\r\n",
        b"A B\xff",
    ]
)


class Recording(asyncio.Transport):
    """A connection to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        """Nothing comes by itself."""


def conversation(name: str, chunks: list[bytes]) -> tuple[LinearProtocol, Recording, Exchange]:
    """A greeted connection on which `name` was sent and `chunks` came back; `<tag>` is the command's own."""

    async def held() -> tuple[LinearProtocol, Recording, Exchange]:
        protocol, transport = LinearProtocol(asyncio.get_running_loop()), Recording()
        protocol.connection_made(transport)
        protocol.data_received(b"* PREAUTH hi\r\n")
        command = Exchange(name, protocol.new_tag())
        protocol.begin(command, Bounds())
        for chunk in chunks:
            protocol.data_received(chunk.replace(b"<tag>", command.tag.encode()))
        return protocol, transport, command

    return asyncio.run(held())


@given(st.sampled_from(["NOOP", "LIST", "LOGOUT"]), st.lists(st.lists(_PIECES, max_size=12).map(b"".join), max_size=4))
def test_whatever_comes_is_taken_or_ends_the_connection(name: str, chunks: list[bytes]) -> None:
    protocol, transport, _ = conversation(name, chunks)
    assert transport.aborted == (protocol.loss is not None) == (protocol.state == ENDED)


def test_an_answer_to_another_command_ends_the_connection() -> None:
    protocol, transport, _ = conversation("NOOP", [b"X99 OK done\r\n"])
    assert transport.aborted
    assert protocol.loss is not None


def test_an_answer_ends_its_command_with_what_was_said() -> None:
    protocol, _, command = conversation("LIST", [b"* LIST () NIL a\r\n", b"<tag> ok [X] fine\r\n"])
    assert (command.result, command.text, command.responses) == ("OK", b"[X] fine", [[b"* LIST () NIL a"]])
    assert protocol.loss is None


def test_a_command_shows_no_argument_when_it_is_printed() -> None:
    async def shown() -> str:
        return repr(Exchange("LOGIN", "A1", '"ann"', '"secret"'))

    assert "secret" not in asyncio.run(shown())
