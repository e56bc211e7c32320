"""One message as the dispatcher decides on it: its place in the state machine and what an attempt needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.providers.types import Identities
from services.send.domain.offer import Offer
from services.send.domain.state import State

INLINE_BYTES = 64 * 2**10
"""Up to here octets stay in the message's own document: every later write of it carries them along."""


def document_id(team: str, request_id: str) -> str:
    """Unique for ever: a team holds no colon, so the first one ends it."""
    return f"{team}:{request_id}"


@dataclass(frozen=True, slots=True)
class Message:
    """What was frozen when the request was stored, and how far it came."""

    id: str
    team: str
    request_id: str
    account: str
    state: State
    due: datetime | None
    """When the dispatcher must look at it next; None: never again by itself."""
    sender: str
    recipients: tuple[str, ...]
    """The envelope's, Bcc included."""
    subject: str
    message_id: str
    marker: str
    correlation_id: str
    causation_id: str
    created_at: datetime
    trace: str = ""
    """The `traceparent` its request came with: what becomes of it is told in the same trace, however much later."""
    metadata: str = "{}"
    """JSON text: opaque to us, and to the database (any key or number is legal in it)."""
    mime: bytes | None = field(default=None, repr=False)
    """The frozen octets; None where they are kept in pieces."""
    mime_size: int = 0
    fence: int = 0
    """The lease number of the dispatcher that claimed it; 0: nobody."""
    attempts: int = 0
    """Grows as an attempt begins: the fencing number of everything that attempt writes."""
    probes: int = 0
    trying_since: datetime | None = None
    committing_at: datetime | None = None
    expires_at: datetime | None = None
    cancel_wanted: bool = False
    handle: str | None = None
    """The provider's name of what it prepared, for a probe."""
    follows: Identities | None = None
    """The earlier message of the thread, as its provider knows it."""
    offer: Offer | None = None
    """Where the customer's own code sends it: how it is given out. Such a message has no `due`."""
