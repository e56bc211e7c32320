"""One logged-in connection and what must be known before it is used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiosmtplib

from services.providers.smtp.dialogue import Dialogue
from services.providers.smtp.errors import CAUGHT
from services.providers.smtp.timeouts import Timeouts


@dataclass(slots=True, eq=False)
class Connection:
    smtp: aiosmtplib.SMTP
    dialogue: Dialogue
    host: str
    extensions: Mapping[str, str]
    """As the server's last EHLO told, in lower case."""
    opened_at: float
    """By the event loop's clock, like all times here."""
    idle_since: float = 0.0
    reused: bool = False
    needs_reset: bool = False
    """An envelope was begun and refused: RSET comes first."""
    body_open: bool = False
    """The server takes whatever comes for message text: no command would be understood, only closing ends it."""

    @property
    def at_rest(self) -> bool:
        return self.dialogue.usable and not self.body_open

    async def alive(self, now: float, timeouts: Timeouts) -> bool:
        """May a message be entrusted to it? Asks the server only after a long silence."""
        if (
            not self.dialogue.usable
            or now - self.opened_at >= timeouts.keep
            or now - self.idle_since >= timeouts.keep_idle
        ):
            return False
        try:
            if self.needs_reset:
                answered = await self.dialogue.execute_command(b"RSET", timeout=timeouts.verify)
            elif now - self.idle_since >= timeouts.verify_after:
                answered = await self.dialogue.execute_command(b"NOOP", timeout=timeouts.verify)
            else:
                return True
        except CAUGHT:
            return False
        self.needs_reset = False
        return answered.code == 250 and self.at_rest

    def offers(self, extension: str) -> bool:
        return extension in self.extensions

    @property
    def largest(self) -> int | None:
        """RFC 1870's SIZE in octets, None where the server names none."""
        size = self.extensions.get("size", "").strip()
        return int(size) if size.isdigit() and int(size) > 0 else None

    def end(self) -> None:
        """QUIT without waiting for its answer where the server listens; the connection is closed either way."""
        if self.at_rest:
            self.dialogue.send(b"QUIT\r\n", 1)
        self.smtp.close()

    def abort(self) -> None:
        """Close in the middle of something: nothing more is said, so that a half body is never taken for a whole."""
        transport = self.smtp.transport
        if transport is not None:
            transport.abort()  # type: ignore[attr-defined]  # of asyncio.WriteTransport
        self.smtp.close()
