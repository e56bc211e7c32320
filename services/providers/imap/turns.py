"""Shares one connection between the waiter, who idles on it (RFC 2177), and whoever has a command, who goes first.

One TLS connection per account is what hundreds of idle accounts can afford, so IDLE is left for a command and taken up
again as soon as nobody wants to speak. News that arrive during a command count as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.providers.errors import Transient
from services.providers.imap import errors
from services.providers.imap.connection import ImapConnection
from services.providers.imap.errors import Refused
from services.providers.imap.framing import Bounds
from services.providers.imap.protocol import Exchange
from services.providers.imap.tokens import Unreadable

_SETTLE_SECONDS = 30.0
_AHEAD_SECONDS = 120.0


class Turns:
    def __init__(self, connection: ImapConnection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self._wanted = 0
        self._idle: Exchange | None = None
        self._idle_since = 0.0
        self._done_sent = False
        self._ahead: Exchange | None = None
        self.can_idle = "IDLE" in connection.capabilities

    @property
    def wanted(self) -> bool:
        """Somebody has commands to send: IDLE would only be interrupted."""
        return self._wanted > 0

    @property
    def idling(self) -> bool:
        return self._idle is not None and not self._done_sent

    def idle_age(self) -> float:
        """Seconds since IDLE was begun."""
        return asyncio.get_running_loop().time() - self._idle_since

    def hold(self) -> Callable[[], None]:
        """Keep IDLE away over several commands; the answer ends the hold and may be called again."""
        self._wanted += 1
        held = True

        def release() -> None:
            nonlocal held
            if held:
                held = False
                self._wanted -= 1
                self._connection.protocol.stirred.set()

        return release

    @asynccontextmanager
    async def command(self) -> AsyncIterator[ImapConnection]:
        """The connection, free for commands. What was refused or unreadable and is not handled inside ends it, as does
        whatever is `Transient`."""
        release = self.hold()
        try:
            async with self._lock:
                await self._settle()
                try:
                    yield self._connection
                except Refused as refusal:
                    raise self.give_up(errors.refused_command(refusal)) from refusal
                except Transient as lost:
                    self.give_up(lost)
                    raise
                except Unreadable as unreadable:
                    raise self.give_up(errors.misbehaved(str(unreadable))) from unreadable
        finally:
            release()

    def give_up(self, lost: Transient) -> Transient:
        """End the connection for this reason, which is returned to be raised."""
        self._connection.protocol.drop(lost)
        return lost

    def begin_idle(self) -> None:
        """Called with the turn taken: from inside `command`."""
        connection = self._connection
        self._idle = Exchange("IDLE", connection.protocol.new_tag())
        self._idle_since = asyncio.get_running_loop().time()
        self._done_sent = False
        connection.protocol.begin(self._idle, Bounds())

    def send_ahead(self, command: Exchange) -> None:
        """`command` was begun and its answer will be taken up in a later turn: the next one waits until it is there."""
        self._ahead = command

    def end_idle(self) -> None:
        """Tell the server; its answer is awaited by the next command."""
        protocol = self._connection.protocol
        if self.idling and protocol.accepted and protocol.loss is None:
            protocol.transport.write(b"DONE\r\n")
            self._done_sent = True

    def idle_ended_unasked(self) -> bool:
        return self.idling and self._idle is not None and bool(self._idle.result)

    async def close(self) -> None:
        """Say goodbye if nobody is speaking, and end the connection."""
        try:
            if not self._connection.closed and not self._lock.locked():
                self.end_idle()
                if self._idle is None or self._done_sent:
                    async with asyncio.timeout(2.0), self._lock:
                        await self._settle()
        except (Transient, TimeoutError):
            pass  # a goodbye that fails is still a goodbye
        await self._connection.close()

    async def _settle(self) -> None:
        """See what is still running to its end: a command that was sent ahead, or IDLE."""
        if self._ahead is not None:
            await self._within(_AHEAD_SECONDS, self._ahead.wait(), self._ahead.name)
            self._ahead = None
        if self._idle is not None:
            await self._within(_SETTLE_SECONDS, self._leave_idle(self._idle), "IDLE")
            if not self._done_sent:
                self.can_idle = False  # refused, or ended at once: the mailbox is asked from time to time instead
            self._idle = None
            self._done_sent = False

    async def _within(self, seconds: float, answer: Awaitable[None], name: str) -> None:
        try:
            async with asyncio.timeout(seconds):
                await answer
        except TimeoutError:
            raise self.give_up(errors.silent(name, seconds)) from None

    async def _leave_idle(self, idle: Exchange) -> None:
        protocol = self._connection.protocol
        while not (protocol.accepted or idle.result or protocol.loss):
            protocol.stirred.clear()
            await protocol.stirred.wait()
        if not idle.result:
            self.end_idle()
        await idle.wait()
