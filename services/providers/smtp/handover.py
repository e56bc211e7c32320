"""Hands one message over on one connection, phase by phase, so that every failure says whether anything was sent."""

from __future__ import annotations

from services.providers.errors import ProviderError, Scope, Transient
from services.providers.protocols import Checkpoint
from services.providers.smtp.connection import Connection
from services.providers.smtp.envelope import WentStale, open_envelope
from services.providers.smtp.errors import CAUGHT, mapped, unknown
from services.providers.smtp.learnt import identities_after
from services.providers.smtp.replies import Reply, Stage, error_of
from services.providers.smtp.timeouts import Timeouts
from services.providers.types import Outgoing, Phase, Submitted


async def hand_over(
    outgoing: Outgoing, connection: Connection, checkpoint: Checkpoint, timeouts: Timeouts
) -> Submitted:
    """Raises as `protocols.Send.submit` says, or `WentStale`. Whatever is raised, the connection
    may be used again exactly if it is `at_rest`."""
    await checkpoint(Phase.CONNECTED)
    if connection.reused and not connection.at_rest:
        raise WentStale
    try:
        opened = await open_envelope(outgoing, connection, timeouts.reply)
    except CAUGHT as failed:
        if connection.reused and not isinstance(failed, TimeoutError):
            raise WentStale from failed
        raise mapped(failed, Stage.MAIL, connection.host) from failed
    await checkpoint(Phase.RECIPIENTS_ACCEPTED)
    try:
        await connection.dialogue.write_body(_dot_stuffed(outgoing.mime), timeouts.body)
        require_silence(connection)
    except CAUGHT as failed:
        raise _refusal_in_body(connection) or mapped(failed, Stage.FINAL, connection.host) from failed
    await checkpoint(Phase.BODY)
    await checkpoint(Phase.COMMITTING)
    try:
        require_silence(connection)
        connection.dialogue.send(b".\r\n", 1)
    except CAUGHT as failed:  # the dot was not written: an ended connection takes none
        raise _refusal_in_body(connection) or mapped(failed, Stage.FINAL, connection.host) from failed
    await checkpoint(Phase.COMMITTED)
    reply = await _final_reply(connection, timeouts.final)
    await checkpoint(Phase.ANSWERED)
    return Submitted(identities_after(outgoing, reply, connection.host), opened.recipients, reply.words)


def require_silence(connection: Connection) -> None:
    """Whatever the server said since its 354 was not asked for. A refusal is one, anything else would be taken for the
    answer to the dot. Raises `ProviderError`, or what ended the connection."""
    dialogue = connection.dialogue
    if dialogue.tainted:
        raise _refusal_in_body(connection) or Transient(
            "protocol_error", words="the server answered before the message's end", scope=Scope.HOST
        )
    if dialogue.failure is not None:
        raise dialogue.failure


def _refusal_in_body(connection: Connection) -> ProviderError | None:
    early = connection.dialogue.unsolicited
    return error_of(early, Stage.FINAL) if early is not None and early.refuses else None


async def _final_reply(connection: Connection, timeout: float) -> Reply:
    try:
        reply = await connection.dialogue.reply(timeout)
    except CAUGHT as failed:
        raise unknown(failed) from failed
    connection.body_open = connection.needs_reset = False
    if reply.accepts:
        return reply
    if reply.refuses:
        raise error_of(reply, Stage.FINAL)
    raise unknown(None, reply)


def _dot_stuffed(mime: bytes) -> bytes:
    """RFC 5321 4.5.2."""
    stuffed = mime.replace(b"\r\n.", b"\r\n..") if b"\r\n." in mime else mime
    return b"." + stuffed if stuffed.startswith(b".") else stuffed
