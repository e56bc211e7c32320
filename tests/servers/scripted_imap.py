"""An IMAP server that says what a test tells it to, byte by byte; otherwise it is a well-behaved empty mailbox.

In what it says, `<tag>` stands for the tag of the command that it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

CAPABILITIES = b"IMAP4rev1 IDLE UIDPLUS ESEARCH SASL-IR AUTH=PLAIN"
DONE = b"<tag> OK done\r\n"


@dataclass(frozen=True, slots=True)
class Do:
    """What happens in answer to one command."""

    say: bytes = b""
    then: bytes = b""
    """Said once the client's next line has come: the end of a SASL exchange."""
    drop: bool = False
    """Close after it."""
    hang: bool = False
    """Answer nothing, ever, on this connection."""
    again: bytes = b""
    """Say this until the client has had enough."""
    upgrade: bool = False
    """Begin TLS after it."""
    before: asyncio.Event | None = None
    """Answer only once this is set."""


HANG = Do(hang=True)
DROP = Do(drop=True)


@dataclass(slots=True)
class ScriptedImap:
    """`on("UID FETCH", b"...")` answers one such command with the bytes or `Do` given, in the order of the calls;
    `always` every one of them. `commands` is what clients sent, tags left out."""

    greeting: bytes = b"* OK [CAPABILITY " + CAPABILITIES + b"] ready\r\n"
    capabilities: bytes = CAPABILITIES
    tls: ssl.SSLContext | None = None
    """For STARTTLS, and from the start where `implicit`."""
    implicit: bool = False
    uidvalidity: int = 7
    uidnext: int = 1
    exists: int = 0
    port: int = 0
    commands: list[str] = field(default_factory=list)
    idling: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has begun to idle."""
    _once: dict[str, deque[Do]] = field(default_factory=lambda: defaultdict(deque))
    _always: dict[str, Do] = field(default_factory=dict)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def on(self, command: str, *answers: bytes | Do) -> None:
        self._once[command].extend(map(_do, answers))

    def always(self, command: str, answer: bytes | Do) -> None:
        self._always[command] = _do(answer)

    def push(self, octets: bytes) -> None:
        """Say it to every client, asked or not."""
        for writer in self._open:
            writer.write(octets)

    def hang_up(self) -> None:
        """Close every connection without a word."""
        for writer in tuple(self._open):
            writer.transport.abort()

    @property
    def connections(self) -> int:
        return len(self._open)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedImap]:
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.tls if self.implicit else None, limit=2**20
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._stopped.set()
            server.close()
            self.hang_up()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            writer.write(self.greeting)
            while line := await reader.readline():
                if not await self._answer(line.rstrip(b"\r\n"), reader, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        tag, _, rest = line.partition(b" ")
        self.commands.append(rest.decode())
        words = rest.decode().upper().split(" ")
        name = " ".join(words[: 2 if words[0] == "UID" else 1])
        do = self._once[name].popleft() if self._once[name] else self._always.get(name)
        if do is None:
            return await self._behave(name, tag, rest, reader, writer)
        if do.before is not None:
            await do.before.wait()
        writer.write(do.say.replace(b"<tag>", tag))
        if do.then:
            self.commands.append((await reader.readline()).decode().rstrip("\r\n"))
            writer.write(do.then.replace(b"<tag>", tag))
        while do.again:
            writer.write(do.again)
            await writer.drain()
        if do.upgrade:
            await writer.start_tls(self._required_tls())
        if do.hang:
            await self._stopped.wait()
        return not do.drop

    async def _behave(
        self, name: str, tag: bytes, rest: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        state = b"UIDVALIDITY %d UIDNEXT %d" % (self.uidvalidity, self.uidnext)
        said = {
            "CAPABILITY": b"* CAPABILITY " + self.capabilities + b"\r\n",
            "STATUS": b"* STATUS " + (rest.split(b" ")[1] if name == "STATUS" else b"") + b" (" + state + b")\r\n",
            "EXAMINE": b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] v\r\n* OK [UIDNEXT %d] n\r\n"
            % (self.exists, self.uidvalidity, self.uidnext),
            "LIST": b'* LIST () "/" INBOX\r\n',
            "LOGOUT": b"* BYE see you\r\n",
        }.get(name, b"")
        if name == "IDLE":
            writer.write(b"+ idling\r\n")
            self.idling.set()
            self.commands.append((await reader.readline()).decode().strip())
            self.idling.clear()
        elif name == "APPEND":
            writer.write(b"+ go on\r\n")
            await reader.readexactly(int(rest[rest.rfind(b"{") + 1 : -1]) + 2)
        elif name == "STARTTLS":
            writer.write(DONE.replace(b"<tag>", tag))
            await writer.start_tls(self._required_tls())
            return True
        writer.write(said + DONE.replace(b"<tag>", tag))
        return name != "LOGOUT"

    def _required_tls(self) -> ssl.SSLContext:
        assert self.tls is not None, "the script begins TLS without a context"
        return self.tls


def _do(answer: bytes | Do) -> Do:
    return answer if isinstance(answer, Do) else Do(say=answer)


def fetched(uid: int, header: bytes, *, sequence: int = 1) -> bytes:
    """One message's answer to a scan of headers."""
    date = b"17-Nov-2025 10:00:00 +0000"
    head = b'* %d FETCH (UID %d INTERNALDATE "%s" BODY[HEADER.FIELDS (SUBJECT)]' % (sequence, uid, date)
    return head + b" {%d}\r\n%s)\r\n" % (len(header), header)
