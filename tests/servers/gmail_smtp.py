"""A small front to Postfix that adds what Gmail's submission adds: its words, its moods, and filing of what was sent.
Commands are passed on one by one; Postfix decides about them, and Dovecot's word to it about every login."""

from __future__ import annotations

import asyncio
import re
import ssl
from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.servers.gmail_threads import Listener

_NOT_ACCEPTED = (
    b"535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
    b"535 5.7.8  https://support.google.com/mail/?p=BadCredentials a1-2.3 - gsmtp\r\n"
)
QUOTA: Final = (
    b"550-5.4.5 Daily user sending limit exceeded. For more information on Gmail\r\n"
    b"550-5.4.5 sending limits go to\r\n550 5.4.5  https://support.google.com/a/answer/166852 a1-2.3 - gsmtp\r\n"
)
RATE: Final = b"421 4.7.0 Try again later, closing connection. (MAIL) a1-2.3 - gsmtp\r\n"
TOO_MANY_LOGINS: Final = b"454 4.7.0 Too many login attempts, please try again later. a1-2.3 - gsmtp\r\n"
_EHLO = (b"SIZE 35882577", b"8BITMIME", b"AUTH LOGIN PLAIN XOAUTH2", b"ENHANCEDSTATUSCODES", b"PIPELINING", b"SMTPUTF8")


_HANDED_ON = 0.3
"""Seconds in which what a killed Postfix had handed on is in the ledger."""


@dataclass(frozen=True, slots=True)
class Dot:
    """What happens once a message is whole. `takes`: it reaches Postfix and is filed."""

    says: bytes = b""
    takes: bool = False


SILENT_TAKEN = Dot(takes=True)
SILENT_LOST = Dot()


@dataclass
class SmtpFront:
    postfix_port: int
    tls: ssl.SSLContext
    file: Callable[[str, bytes], None]
    """Puts a sent message where its sender finds it."""
    took: Callable[[bytes], bool]
    """Whether a message reached the ledger."""
    ports: dict[str, int] = field(default_factory=lambda: {"tls": 0, "starttls": 0})
    says: dict[str, deque[bytes]] = field(default_factory=lambda: defaultdict(deque))
    """By command (AUTH, MAIL, RCPT, DATA): answers given once each; one that begins with 421 ends the connection."""
    dots: deque[Dot] = field(default_factory=deque)
    """What happens to the next messages; then all is well again."""
    logins: int = 0
    _listeners: dict[str, Listener] = field(init=False)

    def __post_init__(self) -> None:
        self._listeners = {kind: Listener(self._serve) for kind in self.ports}

    async def start(self) -> None:
        for kind, listener in self._listeners.items():
            self.ports[kind] = await listener.start(self.ports[kind], self.tls if kind == "tls" else None)

    async def stop(self) -> None:
        for listener in self._listeners.values():
            await listener.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        postfix_in, postfix_out = await asyncio.open_connection("127.0.0.1", self.postfix_port)
        try:
            await _Session(self, reader, writer, postfix_in, postfix_out).run()
        finally:
            postfix_out.close()


class _Session:
    def __init__(
        self,
        front: SmtpFront,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        postfix_in: asyncio.StreamReader,
        postfix_out: asyncio.StreamWriter,
    ) -> None:
        self._front = front
        self._client_in, self._client_out = client_in, client_out
        self._postfix_in, self._postfix_out = postfix_in, postfix_out
        self._user = ""

    async def run(self) -> None:
        greeting = await self._reply()
        self._client_out.write(b"220 smtp.gmail.com ESMTP a1-2.3 - gsmtp\r\n" if _fine(greeting) else greeting)
        while _fine(greeting) and (line := await self._client_in.readline()):
            said = await self._answer(line.split(None, 1)[0].upper().decode() if line.strip() else "", line)
            self._client_out.write(said)
            await self._client_out.drain()
            if not said or said.startswith((b"221", b"421")):
                return

    async def _answer(self, command: str, line: bytes) -> bytes:
        """Nothing where the connection ends without a word."""
        if self._front.says[command]:
            return self._front.says[command].popleft()
        match command:
            case "EHLO" | "HELO":
                return await self._introduced(line)
            case "STARTTLS":
                self._client_out.write(b"220 2.0.0 Ready to start TLS\r\n")
                await self._client_out.start_tls(self._front.tls)
                return await self._introduced_again()
            case "AUTH":
                return await self._log_in(line)
            case "MAIL" | "RCPT" | "DATA" if not self._user:
                return b"530 5.7.0 Authentication Required. a1-2.3 - gsmtp\r\n"
            case "DATA":
                return await self._message(line)
            case "QUIT":
                return b"221 2.0.0 closing connection a1-2.3 - gsmtp\r\n"
            case _:
                return await self._passed_on(line)

    async def _introduced(self, line: bytes) -> bytes:
        said = await self._passed_on(line)
        if not _fine(said):
            return said
        protected = self._client_out.get_extra_info("sslcontext") is not None
        offers = _EHLO if protected else (*(each for each in _EHLO if b"AUTH" not in each), b"STARTTLS")
        return b"250-smtp.gmail.com at your service\r\n" + b"".join(
            b"250%b%b\r\n" % (b" " if each is offers[-1] else b"-", each) for each in offers
        )

    async def _introduced_again(self) -> bytes:
        return await self._introduced(await self._client_in.readline())

    async def _log_in(self, line: bytes) -> bytes:
        self._front.logins += 1
        words = line.split()
        if len(words) != 3 or words[1].upper() != b"XOAUTH2":
            return b"534-5.7.9 Application-specific password required. gsmtp\r\n534 5.7.9 a1-2.3 - gsmtp\r\n"
        said = await self._passed_on(line)
        if said.startswith(b"334"):  # why not, as JSON; the client has the next word, and then it is refused
            self._client_out.write(said)
            said = await self._passed_on(await self._client_in.readline())
        if said.startswith(b"235"):
            self._user = _user(words[2])
            return b"235 2.7.0 Accepted\r\n"
        return _NOT_ACCEPTED if said.startswith(b"5") else said

    async def _message(self, line: bytes) -> bytes:
        said = await self._passed_on(line)
        if not said.startswith(b"354"):
            return said
        self._client_out.write(said)
        body = await self._client_in.readuntil(b"\r\n.\r\n")
        dot = self._front.dots.popleft() if self._front.dots else None
        if dot is not None and not dot.takes:
            return dot.says
        self._postfix_out.write(body)
        said, message = await self._reply(), re.sub(rb"(?m)^\.", b"", body[:-3])
        if not said:  # Postfix has gone: what it still handed on is sent, and Google files what is sent
            await asyncio.sleep(_HANDED_ON)
        if _fine(said) or (not said and self._front.took(message)):
            self._front.file(self._user, message)
        return dot.says if dot is not None else said

    async def _passed_on(self, line: bytes) -> bytes:
        self._postfix_out.write(line)
        return await self._reply()

    async def _reply(self) -> bytes:
        lines = b""
        while line := await self._postfix_in.readline():
            lines += line
            if line[3:4] != b"-":
                return lines
        return b""


def _fine(reply: bytes) -> bool:
    return reply.startswith(b"2")


def _user(answer: bytes) -> str:
    return b64decode(answer).decode().split("\1")[0].removeprefix("user=")
