"""The values that pass between a service and an e-mail client. Frozen, without behaviour, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Cursor = str
"""Where a folder was read up to. Opaque outside the client's folder; at most 64 KiB of text."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account as leased for use now: where it lives and what opens it. Never stored, never logged."""

    account_id: str
    team_id: str
    client: str
    address: str
    settings: Mapping[str, Any]
    """The client's own settings as JSON values (hosts, ports, folders); its `settings.py` reads them."""
    secret: Mapping[str, str] = field(repr=False)
    """The client's own names: `password`, `imap_password`, `access_token`, `engine_token`."""
    expires_at: datetime | None = None
    """When `secret` stops working by itself (an access token); aware UTC."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a real login showed: the mailbox it opened, and what was learnt there."""

    address: str
    settings: Mapping[str, Any]
    """The settings to save: the given ones completed by what the servers told (Sent folder, abilities)."""
    abilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321's: who it is from and every address it goes to, Bcc included."""

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identities:
    """Every name one message is known by. Grows as the provider tells more; matching accepts any of them."""

    message_ids: tuple[str, ...] = ()
    """With angle brackets. The first is our own."""
    marker: str | None = None
    """The value of our own X-Replywire-Id header."""
    provider_message_id: str | None = None
    provider_thread_id: str | None = None
    """Meaningful inside this one mailbox only."""
    thread_index: str | None = None
    """Exchange's Thread-Index, base64."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message frozen for sending: a second attempt hands over these very bytes."""

    envelope: Envelope
    mime: bytes
    """CRLF line ends, no Bcc field."""
    message_id: str
    marker: str
    follows: Identities | None = None
    """The tracked message this one answers in the same thread."""


class Phase(StrEnum):
    """How far a hand-over has come. Before COMMITTING nothing can have been sent; after it, silence is 'unknown'."""

    CONNECTED = "connected"
    RECIPIENTS_ACCEPTED = "recipients_accepted"
    BODY = "body"
    COMMITTING = "committing"
    COMMITTED = "committed"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What the server said of one address."""

    address: str
    accepted: bool
    code: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The provider took it: under which names, and for whom."""

    identities: Identities
    recipients: tuple[RecipientOutcome, ...]
    words: str = ""


class ProbeVerdict(StrEnum):
    FOUND = "found"
    ABSENT = "absent"
    """Provably not sent: it may be queued again."""
    CANNOT_KNOW = "cannot_know"


@dataclass(frozen=True, slots=True)
class Probe:
    """Was it sent? The provider's answer after an unknown outcome."""

    verdict: ProbeVerdict
    identities: Identities | None = None
    evidence: str = ""


class CopyVerdict(StrEnum):
    FILED = "filed"
    ALREADY_THERE = "already_there"
    PROVIDER_FILES = "provider_files"


@dataclass(frozen=True, slots=True)
class SentCopy:
    verdict: CopyVerdict
    folder: str | None = None
    uid: int | None = None


class FolderRole(StrEnum):
    INBOX = "inbox"
    JUNK = "junk"
    SENT = "sent"
    ALL = "all"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Folder:
    """`id` is the client's own name for it (opaque), `name` is for people."""

    id: str
    name: str
    role: FolderRole


@dataclass(frozen=True, slots=True)
class MessageRef:
    """One message's place. `key` is the client's own (`uidvalidity:uid`, an immutable id) and never reused."""

    folder_id: str
    key: str


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """One message as judged: a header block and nothing of its body."""

    ref: MessageRef
    block: bytes
    """Raw RFC 5322 fields of JUDGED_FIELDS as the server gave them, CRLF or LF, at most 64 KiB (longer ones are cut
    at a field's end)."""
    received_at: datetime
    """The server's own date (INTERNALDATE); aware UTC."""
    provider_thread_id: str | None = None
    own: bool = False
    """The provider says that the mailbox's own person sent it, from whatever address."""


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a folder's news, oldest first, and the cursor once it has been judged."""

    headers: tuple[HeaderSet, ...]
    cursor: Cursor
    more: bool
    """True while the folder holds more that is already there: a backlog."""
    remaining: int | None = None
    """How many messages are still to come, where the provider tells."""


JUDGED_FIELDS: tuple[str, ...] = (
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "From",
    "Sender",
    "To",
    "Cc",
    "Date",
    "Return-Path",
    "Content-Type",
    "Auto-Submitted",
    "Precedence",
    "Thread-Index",
    "List-Id",
    "X-Replywire-Id",
    "X-Failed-Recipients",
    "X-Original-Message-ID",
    "X-Autoreply",
    "X-Autorespond",
    "X-Auto-Response-Suppress",
    "X-MS-Exchange-Inbox-Rules-Loop",
    "X-HmXmrOriginalRecipient",
)
"""The header fields a message is judged by, and the only ones ever asked for of a message that is not a match."""
