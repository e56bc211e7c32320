"""MAIL, RCPT and DATA: the commands before a body, together where the server takes them together (RFC 2920)."""

from __future__ import annotations

from dataclasses import dataclass

from services.providers.errors import Permanent, ProviderError
from services.providers.smtp.connection import Connection
from services.providers.smtp.errors import CAUGHT
from services.providers.smtp.replies import Reply, Stage, error_of
from services.providers.types import Outgoing, RecipientOutcome


class WentStale(Exception):
    """A kept connection ended before its first answer: the server had closed it. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The server waits for the body."""

    recipients: tuple[RecipientOutcome, ...]


def require_fitting(outgoing: Outgoing, connection: Connection) -> bytes:
    """MAIL's parameters for this message. Raises `Permanent` where the server could not carry it."""
    mime = outgoing.mime
    if not mime.count(b"\n") == mime.count(b"\r") == mime.count(b"\r\n") or b"\0" in mime or not mime.endswith(b"\n"):
        # A bare CR or LF before a dot ends the message early for some servers: the rest would be commands (smuggling).
        raise Permanent("invalid_message", words="the message's line ends are not CRLF", remedy="Render it anew.")
    largest = connection.largest
    if largest is not None and len(mime) > largest:
        raise Permanent(
            "too_large",
            words=f"the message has {len(mime)} octets, the server takes {largest}",
            remedy="Make the message smaller, for example by sending files as links.",
        )
    parameters = b" SIZE=%d" % len(mime) if connection.offers("size") else b""
    international = not all(address.isascii() for address in (outgoing.envelope.sender, *outgoing.envelope.recipients))
    if not mime.isascii():
        international = international or not mime.partition(b"\r\n\r\n")[0].isascii()
        _require(connection, "8bitmime", "8-bit text")
        parameters += b" BODY=8BITMIME"
    if international:
        _require(connection, "smtputf8", "addresses with letters beyond ASCII before the @")
        parameters += b" SMTPUTF8"
    return parameters


async def open_envelope(outgoing: Outgoing, connection: Connection, timeout: float) -> Opened:
    """To the server's 354. Raises `WentStale`, `Permanent`, `Transient` or `ReauthRequired`; aiosmtplib's own where
    contact is lost."""
    sender = path(outgoing.envelope.sender)
    commands = [b"MAIL FROM:%b%b\r\n" % (sender, require_fitting(outgoing, connection))]
    commands += [b"RCPT TO:%b\r\n" % path(address) for address in outgoing.envelope.recipients]
    commands.append(b"DATA\r\n")
    connection.needs_reset = True
    asking = _Asking(connection, commands, timeout)
    first = await asking.next()
    if connection.reused and first.code == 421:
        raise WentStale
    if not first.accepts:
        await asking.abandon()
        raise error_of(first, Stage.MAIL)
    replies = [await asking.next() for _ in outgoing.envelope.recipients]
    outcomes = tuple(map(_outcome, outgoing.envelope.recipients, replies))
    if not any(outcome.accepted for outcome in outcomes):
        await asking.abandon()
        raise _all_refused(replies)
    last = await asking.next()
    if last.code != 354:
        raise error_of(last, Stage.DATA)
    connection.body_open = True
    return Opened(outcomes)


class _Asking:
    """Commands and their replies in order: all at once where the server pipelines, else one by one."""

    def __init__(self, connection: Connection, commands: list[bytes], timeout: float) -> None:
        self._dialogue = connection.dialogue
        self._connection = connection
        self._commands = commands
        self._timeout = timeout
        self._asked = self._read = 0
        if connection.offers("pipelining"):
            self._dialogue.send(b"".join(commands), len(commands))
            self._asked = len(commands)

    async def next(self) -> Reply:
        if self._asked == self._read:
            self._dialogue.send(self._commands[self._asked], 1)
            self._asked += 1
        reply = await self._dialogue.reply(self._timeout)
        self._read += 1
        return reply

    async def abandon(self) -> None:
        """Read what is still due to a refused envelope. Where DATA was taken all the same, only closing keeps the
        message unsent."""
        reply = None
        try:
            while self._read < self._asked:
                reply = await self.next()
        except CAUGHT:
            return  # the refusal is known; that the connection ended after it changes nothing
        self._connection.body_open = reply is not None and reply.code == 354


def _outcome(address: str, reply: Reply) -> RecipientOutcome:
    return RecipientOutcome(address, reply.accepts, reply.shown_code, reply.words)


def _all_refused(replies: list[Reply]) -> ProviderError:
    """One that may be taken later keeps the message alive; else the first refusal speaks for all."""
    errors = [error_of(reply, Stage.RCPT) for reply in replies]
    return next((error for error in errors if not isinstance(error, Permanent)), errors[0])


def path(address: str) -> bytes:
    """The address as MAIL and RCPT take it. Raises `Permanent` where it could say more than an address."""
    if not address.isprintable() or "<" in address or ">" in address or (" " in address and '"' not in address):
        raise Permanent(
            "invalid_address", words="an address of the envelope cannot travel", remedy="Check the addresses."
        )
    return b"<%b>" % address.encode("utf-8")


def _require(connection: Connection, extension: str, what: str) -> None:
    if not connection.offers(extension):
        raise Permanent(
            "unsupported_by_server",
            words=f"the server does not take {what} ({extension.upper()})",
            remedy="Use plain addresses, or another mailbox to send from.",
        )
