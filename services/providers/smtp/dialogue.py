"""aiosmtplib's protocol with three abilities more: several commands in flight (RFC 2920), bytes that nobody asked for
are noticed, and a body can be written with its progress watched."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

from services.providers.smtp.errors import Garbled
from services.providers.smtp.replies import Reply

_LONGEST_LINE = 8192
_LONGEST_REPLY = 64 * 1024
_CHUNK = 64 * 1024


class Dialogue(SMTPProtocol):
    """One connection after its login. `adopt` puts it in the place of aiosmtplib's own protocol."""

    def __init__(self, smtp: aiosmtplib.SMTP, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, lambda _: smtp.close())
        self._partial = bytearray()
        self._lines: list[str] = []
        self._size = 0
        self._owed = 0
        self._replies: deque[Reply] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.unsolicited: Reply | None = None
        """The first reply that answers no command of ours: a refusal in the middle of a body, or a leftover."""
        self.tainted = False
        """Bytes came that nobody asked for, so no later reply could be trusted to be the answer it seems."""
        self.failure: Exception | None = None

    @classmethod
    def adopt(cls, smtp: aiosmtplib.SMTP) -> Dialogue:
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        dialogue = cls(smtp, asyncio.get_running_loop())
        dialogue.connection_made(transport)
        dialogue._owed = 0
        writable = cast(asyncio.Transport, transport)
        # "Drained" is then an empty buffer. Not `high=0`: asyncio's TLS would pause at nothing and stay so.
        writable.set_write_buffer_limits(high=1, low=0)
        writable.set_protocol(dialogue)
        smtp.protocol = dialogue
        return dialogue

    @property
    def usable(self) -> bool:
        return self.is_connected and not self.tainted and self.failure is None and not self._owed

    def send(self, octets: bytes, replies: int) -> None:
        """Write commands to which so many replies are due. Raises `SMTPServerDisconnected` where it could not be."""
        if self.failure is not None:
            raise self.failure
        self._owed += replies
        self.write(octets)

    async def reply(self, timeout: float) -> Reply:
        """The next reply due. Raises `SMTPReadTimeoutError`, `SMTPServerDisconnected`, `Garbled`."""
        if not self._replies:
            if self.failure is not None:
                raise self.failure
            self._reader = self._loop.create_future()
            alarm = self._loop.call_later(timeout, self._late, self._reader)
            try:
                await self._reader
            finally:
                alarm.cancel()
                self._reader = None
        self._owed -= 1
        return self._replies.popleft()

    async def execute_command(self, *args: bytes, timeout: float | None = None) -> aiosmtplib.SMTPResponse:
        """aiosmtplib's own commands (RSET, NOOP), which then read their reply here."""
        command = b" ".join(args)
        if not command.isascii() or any(octet < 32 or octet == 127 for octet in command):
            raise ValueError("a command must not hold control characters")
        self.send(command + b"\r\n", 1)
        answer = await self.reply(timeout if timeout is not None else 60.0)
        return aiosmtplib.SMTPResponse(answer.code, answer.text)

    async def write_body(self, octets: bytes, timeout: float) -> None:
        """Write and wait until it has left. `timeout` seconds without any progress raise `SMTPReadTimeoutError`."""
        view = memoryview(octets)
        for start in range(0, len(octets), _CHUNK):
            self.write(bytes(view[start : start + _CHUNK]) if len(octets) > _CHUNK else octets)
            if self._writer is not None:
                await self._drained(timeout)
            if self.failure is not None:
                raise self.failure
            if self.tainted:
                return

    async def _drained(self, timeout: float) -> None:
        transport = cast(asyncio.WriteTransport, self.transport)
        while self._writer is not None:
            before = transport.get_write_buffer_size()
            done, _ = await asyncio.wait((self._writer,), timeout=timeout)
            if not done and transport.get_write_buffer_size() >= before:
                raise aiosmtplib.SMTPReadTimeoutError("The server stopped reading")

    def data_received(self, data: bytes) -> None:
        if self.failure is not None:
            return
        if len(self._replies) >= self._owed:
            self.tainted = True
        self._partial += data
        try:
            self._read_lines()
        except Garbled as garbled:
            self._fail(garbled)
            cast(asyncio.WriteTransport, self.transport).abort()

    def _read_lines(self) -> None:
        start = 0
        while (end := self._partial.find(b"\n", start)) >= 0:
            self._read_line(bytes(self._partial[start:end]))
            start = end + 1
        del self._partial[:start]
        if len(self._partial) > _LONGEST_LINE:
            raise Garbled("a reply's line without an end")

    def _read_line(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        self._size += len(line)
        code = line[:3]
        if len(line) > _LONGEST_LINE or self._size > _LONGEST_REPLY:
            raise Garbled("a reply that is too long")
        if not code.isdigit() or not 200 <= int(code) <= 599 or line[3:4] not in b" -":
            raise Garbled(f"not a reply: {line[:80].decode('utf-8', 'replace')}")
        self._lines.append(line[4:].decode("utf-8", "replace").strip())
        if line[3:4] == b"-":
            return
        found = Reply(int(code), "\n".join(self._lines))
        self._lines, self._size = [], 0
        if self._owed > len(self._replies):
            self._replies.append(found)
            if self._reader is not None and not self._reader.done():
                self._reader.set_result(None)
        else:
            self.tainted = True
            self.unsolicited = self.unsolicited or found

    def eof_received(self) -> bool:
        self._fail(aiosmtplib.SMTPServerDisconnected("Unexpected EOF received"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        lost = aiosmtplib.SMTPServerDisconnected("Connection lost")
        lost.__cause__ = exc
        self._fail(lost)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._release_writer()

    def _fail(self, cause: Exception) -> None:
        self.failure = self.failure or cause
        if self._reader is not None and not self._reader.done():
            self._reader.set_exception(self.failure)
        self._release_writer()

    def _release_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    def _late(self, reader: asyncio.Future[None]) -> None:
        if not reader.done():
            # Its answer may still come and would be taken for the next one's.
            self.failure = aiosmtplib.SMTPReadTimeoutError("Timed out waiting for server response")
            reader.set_exception(self.failure)
