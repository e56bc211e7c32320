"""An SMTP server that does exactly what a test tells it to, byte by byte, and keeps a ledger of what it accepted."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from enum import StrEnum


class At(StrEnum):
    """Where a behaviour takes the place of the normal answer."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    RSET = "rset"
    NOOP = "noop"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Do:
    """What happens at one stage. The defaults are a well-behaved server's."""

    say: bytes | None = None
    """Instead of the normal answer."""
    also: bytes = b""
    """After the answer, in the same packet: a left-over reply, injected bytes."""
    accept: bool | None = None
    """At the dot: into the ledger? None: when the answer begins with 2."""
    pause: float = 0.0
    """Seconds between two octets of the answer."""
    wait: asyncio.Event | None = None
    """Answer only once this is set."""
    hang: bool = False
    """Never answer."""
    drop: bool = False
    """Close after the answer (`say=b""`: instead of it)."""
    upgrade: bool = True
    """At STARTTLS: begin TLS after the answer."""


DROP = Do(say=b"", drop=True, accept=False)
HANG = Do(hang=True, accept=False)


def say(text: str, **more: bool) -> Do:
    return Do(say=f"{text}\r\n".encode(), **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Accepted:
    sender: str
    recipients: tuple[str, ...]
    message: bytes
    """As received, dots unstuffed."""

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.message)["Message-ID"])


@dataclass(slots=True)
class ScriptedSmtp:
    """`on(At.DOT, DROP)` once; `always(At.RCPT, say("450 later"))` until told otherwise."""

    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 30000000", "ENHANCEDSTATUSCODES")
    mechanisms: str = "PLAIN LOGIN CRAM-MD5 XOAUTH2"
    tls: ssl.SSLContext | None = None
    """Given and not `implicit`: STARTTLS is offered."""
    implicit: bool = False
    ledger: list[Accepted] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)
    """Every line received outside bodies, over all connections."""
    connections: int = 0
    open: int = 0
    port: int = 0
    _once: dict[At, deque[Do]] = field(default_factory=lambda: defaultdict(deque))
    _always: dict[At, Do] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def on(self, stage: At, *behaviours: Do) -> None:
        self._once[stage].extend(behaviours)

    def always(self, stage: At, behaviour: Do) -> None:
        self._always[stage] = behaviour

    @property
    def message_ids(self) -> list[str]:
        return [accepted.message_id for accepted in self.ledger]

    def said(self, verb: str) -> int:
        """How many commands began so."""
        return sum(line.upper().startswith(verb.encode()) for line in self.commands)

    async def start(self) -> None:
        context = self.tls if self.implicit else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.drop_all()
        await self._server.wait_closed()

    def drop_all(self) -> None:
        """End every connection at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    def say_unasked(self, octets: bytes) -> None:
        """Bytes on every open connection, out of the blue."""
        for writer in self._writers:
            writer.write(octets)

    def behaviour(self, stage: At) -> Do:
        once = self._once[stage]
        return once.popleft() if once else self._always.get(stage, Do())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self._writers.add(writer)
        try:
            await _Session(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
            pass  # the client went away, as clients do
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()


class _Ended(ConnectionError):
    pass


class _Session:
    def __init__(self, server: ScriptedSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.sender, self.recipients = "", list[str]()
        self.protected = server.implicit

    async def run(self) -> None:
        await self.answer(At.CONNECT, b"220 scripted.example.com ESMTP\r\n")
        while True:
            line = await self.line()
            self.server.commands.append(line)
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO"}:
                await self.answer(At.EHLO, self.introduction())
            elif verb == b"STAR":
                await self.start_tls()
            elif verb == b"AUTH":
                await self.authenticate(line)
            elif verb == b"MAIL":
                if (await self.answer(At.MAIL, b"250 2.1.0 Ok\r\n")).startswith(b"2"):
                    self.sender, self.recipients = _path(line), []
            elif verb == b"RCPT":
                if (await self.answer(At.RCPT, b"250 2.1.5 Ok\r\n")).startswith(b"2"):
                    self.recipients.append(_path(line))
            elif verb == b"DATA":
                await self.data()
            elif verb == b"RSET":
                await self.answer(At.RSET, b"250 2.0.0 Ok\r\n")
            elif verb == b"NOOP":
                await self.answer(At.NOOP, b"250 2.0.0 Ok\r\n")
            elif verb == b"QUIT":
                await self.answer(At.QUIT, b"221 2.0.0 Bye\r\n")
                return
            else:
                await self.write(Do(), b"500 5.5.2 what?\r\n")

    def introduction(self) -> bytes:
        offers = list(self.server.extensions)
        if self.server.tls is not None and not self.protected:
            offers.append("STARTTLS")
        if self.server.mechanisms:
            offers.append(f"AUTH {self.server.mechanisms}")
        lines = ["scripted.example.com", *offers]
        return "".join(f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines).encode()

    async def start_tls(self) -> None:
        behaviour = self.server.behaviour(At.STARTTLS)
        said = await self.write(behaviour, b"220 2.0.0 Ready\r\n")
        if said.startswith(b"2") and behaviour.upgrade:
            assert self.server.tls is not None
            await self.writer.start_tls(self.server.tls)
            self.protected = True

    async def authenticate(self, line: bytes) -> None:
        words = line.split()
        if len(words) > 1 and words[1].upper() == b"CRAM-MD5":
            await self.write(Do(), b"334 PDE+\r\n")
            self.server.commands.append(await self.line())
        elif len(words) == 3 and words[1].upper() == b"LOGIN":
            await self.write(Do(), b"334 UGFzc3dvcmQ6\r\n")
            self.server.commands.append(await self.line())
        if (await self.answer(At.AUTH, b"235 2.7.0 Ok\r\n")).startswith(b"334"):
            self.server.commands.append(await self.line())
            await self.write(Do(), b"535 5.7.8 No\r\n")

    async def data(self) -> None:
        if not self.recipients:
            await self.write(Do(), b"554 5.5.1 No valid recipients\r\n")
            return
        if not (await self.answer(At.DATA, b"354 Go on\r\n")).startswith(b"354"):
            return
        lines = [await self.reader.readuntil(b"\r\n")]
        behaviour = self.server.behaviour(At.BODY)
        if behaviour != Do():
            await self.write(behaviour, b"")
        while lines[-1] != b".\r\n":
            lines.append(await self.reader.readuntil(b"\r\n"))
        message = b"".join(line[1:] if line.startswith(b".") else line for line in lines[:-1])
        behaviour = self.server.behaviour(At.DOT)
        planned = b"250 2.0.0 Ok: queued\r\n" if behaviour.say is None else behaviour.say
        if behaviour.accept if behaviour.accept is not None else planned.startswith(b"2"):
            self.server.ledger.append(Accepted(self.sender, tuple(self.recipients), message))
        await self.write(behaviour, planned)

    async def answer(self, stage: At, normal: bytes) -> bytes:
        return await self.write(self.server.behaviour(stage), normal)

    async def write(self, behaviour: Do, normal: bytes) -> bytes:
        if behaviour.hang:
            await asyncio.Event().wait()
        if behaviour.wait is not None:
            await behaviour.wait.wait()
        text = normal if behaviour.say is None else behaviour.say
        octets = text + behaviour.also
        if behaviour.pause:
            for octet in octets:
                self.writer.write(bytes((octet,)))
                await self.writer.drain()
                await asyncio.sleep(behaviour.pause)
        elif octets:
            self.writer.write(octets)
            await self.writer.drain()
        if behaviour.drop:
            raise _Ended
        return text

    async def line(self) -> bytes:
        return (await self.reader.readuntil(b"\r\n"))[:-2]


def _path(line: bytes) -> str:
    return line[line.index(b"<") + 1 : line.index(b">")].decode()


@contextlib.asynccontextmanager
async def running(server: ScriptedSmtp) -> AsyncIterator[ScriptedSmtp]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
