"""aioimaplib's protocol machine with our framing, bounds and loss signal; the only module that imports aioimaplib.

Kept of aioimaplib: tags, states, commands and their checks. Replaced: its quadratic framing, its queues, and its
silence when a connection ends. One command at a time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from aioimaplib import aioimaplib

from services.providers.errors import Transient
from services.providers.imap import errors
from services.providers.imap.framing import Bounds, Framer, FramingError, Response

if TYPE_CHECKING:
    _Machine = Any
    _Command = Any
else:
    _Machine = aioimaplib.IMAP4ClientProtocol
    _Command = aioimaplib.Command

# At DEBUG it prints whole mails and at INFO pieces of them, whatever the level of the root logger.
for _name in ("aioimaplib", "aioimaplib.aioimaplib"):
    logging.getLogger(_name).setLevel(logging.WARNING)

FRESH, NONAUTH, AUTH, SELECTED, ENDED = (
    aioimaplib.CONNECTED,
    aioimaplib.NONAUTH,
    aioimaplib.AUTH,
    aioimaplib.SELECTED,
    aioimaplib.LOGOUT,
)


def release_read_buffer(transport: asyncio.BaseTransport) -> None:
    """Give back the read buffer of an idle TLS connection; asyncio makes it anew at the next octet.

    A third of what an idle account costs. Where another Python names these things otherwise, nothing is saved."""
    tls: Any = getattr(transport, "_ssl_protocol", None)
    if tls is not None and getattr(tls, "_ssl_buffer", None):
        tls._ssl_buffer = bytearray()
        tls._ssl_buffer_view = memoryview(tls._ssl_buffer)


class Exchange(_Command):  # type: ignore[misc]
    """A command and what came in answer: `responses` are the untagged ones, `result` and `text` the tagged one."""

    def __init__(
        self, name: str, tag: str, *args: str, prefix: str = "", sends: tuple[bytes, ...] = (), until: float = math.inf
    ) -> None:
        super().__init__(name, tag, *args, prefix=prefix)
        self.responses: list[Response] = []
        self.result = ""
        self.text = b""
        self.sends = list(sends)
        """What goes out at each continuation request: a literal, a SASL answer."""
        self.until = until
        """Nothing of `sends` goes out past it, by the clock that goes on while the process sleeps."""

    def __repr__(self) -> str:
        return f"<{self.name}>"  # aioimaplib's own shows the arguments: passwords and tokens

    def line(self) -> str:
        words = [self.tag, *([self.prefix.strip()] if self.prefix else []), self.name, *self.args]
        return " ".join(words)

    def end(self, result: str, text: bytes) -> None:
        self.result, self.text = result, text
        self._event.set()

    def fail(self, cause: Exception) -> None:
        if not self._event.is_set():
            self._exception = cause
            self._event.set()


class LinearProtocol(_Machine):  # type: ignore[misc]
    """One connection. `stirred` is set by whatever a waiter on it may want to know of: news, the end of IDLE, loss."""

    state: str
    transport: Any
    pending_sync_command: Exchange | None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.framer = Framer()
        self.greeting = loop.create_future()
        self.loss: Transient | None = None
        self.stirred = asyncio.Event()
        self.exists = 0
        """Messages in the selected folder."""
        self.arrived = 0
        """Messages that the server announced in the selected folder since it was last read."""
        self.news = False
        """It grew since the waiter was last told."""
        self.accepted = False
        """The running IDLE was answered with a continuation."""
        self.sealed = False
        """STARTTLS was accepted and TLS has not begun: whatever comes now was put there by someone between."""
        self.injected = False
        self.upgraded = False
        """TLS was begun inside the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None:
            self.state = FRESH
        self.transport = transport

    def protect(self, transport: asyncio.BaseTransport) -> None:
        """TLS begins inside this connection."""
        self.transport = transport
        self.sealed = False
        self.upgraded = True

    def data_received(self, data: bytes) -> None:
        if self.loss is not None:
            return
        try:
            for response in self.framer.feed(data):
                if self.sealed:
                    self.injected = True
                    return
                self._dispatch(response)
            self.injected = self.injected or (self.sealed and self.framer.unfinished)
        except FramingError as broken:
            self.drop(errors.misbehaved(str(broken)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(errors.connection_lost(exc))

    def drop(self, loss: Transient) -> None:
        """End the connection now and tell everyone who waits on it why. The first cause is the one that counts."""
        if self.loss is None:
            self.loss = loss
        self.state = ENDED
        command, self.pending_sync_command = self.pending_sync_command, None
        if command is not None:
            command.fail(self.loss)
        if not self.greeting.done():
            self.greeting.set_exception(self.loss)
            self.greeting.exception()  # it may be that nobody waits for the greeting any more
        if self.transport is not None:
            self.transport.abort()
        self.stirred.set()

    def begin(self, command: Exchange, bounds: Bounds) -> None:
        """Send `command`; its `wait` ends with the tagged answer or raises the loss."""
        if self.loss is not None:
            raise self.loss
        if self.pending_sync_command is not None:
            raise RuntimeError(f"{command.name} begun while {self.pending_sync_command.name} runs")
        if self.state not in aioimaplib.Commands[command.name].valid_states:
            raise RuntimeError(f"{command.name} is not allowed in state {self.state}")
        self.framer.begin(bounds)
        self.accepted = False
        self.pending_sync_command = command
        self.transport.write(command.line().encode("utf-8") + b"\r\n")

    def _dispatch(self, response: Response) -> None:
        line = response[0]
        if line.startswith(b"* "):
            if len(response) > 1:
                self._keep(response)
            else:
                self._untagged(line, response)
        elif line.startswith(b"+"):
            self._continue()
        elif line:
            self._tagged(line)

    def _untagged(self, line: bytes, response: Response) -> None:
        if self.state == FRESH and not self.greeting.done():
            self._greeted(line)
            return
        words = line.split(b" ", 3)
        if len(words) >= 3 and words[1].isdigit():
            kind = words[2].upper()
            if kind == b"EXISTS":
                self._counted(int(words[1][:19]))
            elif kind == b"EXPUNGE":
                self.exists = max(self.exists - 1, 0)
        elif words[1].upper() == b"BYE" and not self._leaving():
            self.drop(errors.farewell(line[6:]))
            return
        self._keep(response)

    def _keep(self, response: Response) -> None:
        command = self.pending_sync_command
        if command is not None and command.name != "IDLE":
            command.responses.append(response)

    def _counted(self, exists: int) -> None:
        opening = self.pending_sync_command is not None and self.pending_sync_command.name in ("EXAMINE", "SELECT")
        if exists > self.exists and not opening:
            self.arrived += exists - self.exists
            self.news = True
            self.stirred.set()
        self.exists = exists

    def _greeted(self, line: bytes) -> None:
        kind = line[2:].split(b" ", 1)[0].upper()
        if kind == b"BYE":
            self.drop(errors.farewell(line[6:]))
        elif kind in (b"OK", b"PREAUTH"):
            self.state = AUTH if kind == b"PREAUTH" else NONAUTH
            self.greeting.set_result(line)
        else:
            self.drop(errors.misbehaved("what answers is not an IMAP server"))

    def _tagged(self, line: bytes) -> None:
        tag, _, rest = line.partition(b" ")
        result, _, text = rest.partition(b" ")
        command = self.pending_sync_command
        if command is None or tag != command.tag.encode("ascii") or result.upper() not in (b"OK", b"NO", b"BAD"):
            self.drop(errors.misbehaved("a line came that answers no command"))
            return
        self.pending_sync_command = None
        if command.name == "STARTTLS" and result.upper() == b"OK":
            self.sealed = True
            self.transport.pause_reading()
        command.end(result.decode("ascii").upper(), text)
        if command.name == "IDLE":
            self.stirred.set()

    def _continue(self) -> None:
        command = self.pending_sync_command
        if command is not None and command.name == "IDLE":
            self.accepted = True
            self.stirred.set()
            self.loop.call_soon(release_read_buffer, self.transport)
        elif command is not None and command.sends:
            if time.monotonic() < command.until:
                self.transport.write(command.sends.pop(0))
            else:
                self.drop(errors.out_of_time(command.name))
        elif command is not None and command.name == "AUTHENTICATE":
            # XOAUTH2 explains a refusal in a challenge and wants an empty answer before it says NO.
            self.transport.write(b"\r\n")
        else:
            self.drop(errors.misbehaved("a continuation was asked for that no command offers"))

    def _leaving(self) -> bool:
        return self.pending_sync_command is not None and self.pending_sync_command.name == "LOGOUT"
