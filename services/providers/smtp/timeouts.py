"""How long each phase of a submission may last (RFC 5321 4.5.3.2) and how long a connection is kept, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: float = 15.0
    """Resolving the name and reaching the host."""
    reply: float = 60.0
    """Greeting (with the TLS handshake), EHLO, AUTH, MAIL, DATA, and each RCPT."""
    body: float = 180.0
    """Without any progress."""
    final: float = 600.0
    """From the final dot to its reply."""
    unacknowledged: float | None = None
    """After how long without a word the kernel gives up what was written (TCP_USER_TIMEOUT), even after our end."""
    keep_idle: float = 60.0
    """How long an unused connection stays open: servers close theirs after one to five minutes."""
    keep: float = 900.0
    """How old a connection may become."""
    verify_after: float = 20.0
    """A connection unused for longer is asked (NOOP) whether it still lives."""
    verify: float = 5.0
    """How long that answer may take."""
