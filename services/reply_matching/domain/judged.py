"""The values judgement takes and gives, without behaviour beyond what is derived from themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.reply_matching.domain.headers import Headers, message_ids, normal_id
from services.reply_matching.domain.keys import message_id_keys

SUBJECT_WINDOW = timedelta(days=30)
"""How long after a sending a message of the same subject from the same person may still be its answer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a verdict: the sign's name, and what was seen."""

    sign: str
    seen: str = ""

    def __str__(self) -> str:
        return f"{self.sign}: {self.seen}" if self.seen else self.sign


@dataclass(slots=True)
class JudgedMessage:
    """One message in somebody's mailbox, by its header block alone. Not frozen, for there is one per message of every
    mailbox."""

    account_id: str
    team_id: str
    ref: Any
    """The caller's own name for the message's place; handed back untouched."""
    block: bytes
    received_at: datetime
    """The server's date; aware UTC."""
    provider_thread_id: str | None = None
    by_owner: bool = False
    """The provider says that the mailbox's own person sent it, from whatever address of theirs."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """A message that we sent, as the store gives it for one key."""

    request_id: str
    team_id: str
    account_id: str
    recipients: tuple[str, ...]
    """Lower-case addresses, every one it went to."""
    subject_key: str
    """The subject as `subjects.normal_subject` makes it."""
    sent_at: datetime
    message_ids: tuple[str, ...] = ()
    member: bool = False
    """True when the key belongs to a later message of the thread, and not to the tracked message itself."""


class VerdictKind(StrEnum):
    UNRELATED = "unrelated"
    MATCH = "match"
    LOOK_INSIDE = "look_inside"
    """A report (bounce, complaint) whose headers name nothing of ours: only its report parts can tell."""


class MatchedBy(StrEnum):
    IN_REPLY_TO = "in_reply_to"
    REFERENCES = "references"
    MARKER = "marker"
    PROVIDER_THREAD = "provider_thread"
    THREAD_INDEX = "thread_index"
    SUBJECT = "subject"
    EMBEDDED = "embedded_original"
    """By the original message (or its name) that a report carries."""


class Confidence(StrEnum):
    CERTAIN = "certain"
    PROBABLE = "probable"


@dataclass(slots=True)
class Candidates:
    """Every key a message may be found under, in the order in which they count. Not frozen: one is made per message of
    every mailbox, and a frozen one takes three times as long to make."""

    message: JudgedMessage
    headers: Headers
    in_reply_to: tuple[bytes, ...] = ()
    references: tuple[bytes, ...] = ()
    """The nearest first."""
    marker: tuple[bytes, ...] = ()
    thread: tuple[bytes, ...] = ()
    thread_index: tuple[bytes, ...] = ()
    subject: tuple[bytes, ...] = ()
    embedded: tuple[bytes, ...] = ()
    """Names of the original that a report carries; only after looking inside."""
    embedded_subject: tuple[bytes, ...] = ()
    report_like: bool = False
    looked_inside: bool = False

    @property
    def own(self) -> tuple[bytes, ...]:
        """The message's own id: known means that it is a copy of a message we know. Asked of the few that matched."""
        value = self.headers.raw(b"message-id")
        return message_id_keys(self.message.team_id, message_ids(value)[:2] or (normal_id(value),)) if value else ()

    @property
    def keys(self) -> tuple[bytes, ...]:
        """All that may lead to what it answers, for one lookup; a batch may hold the same key twice."""
        return (
            self.in_reply_to
            + self.references
            + self.marker
            + self.thread
            + self.thread_index
            + self.subject
            + self.embedded
            + self.embedded_subject
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one message. For `unrelated` and `look_inside` nothing else is filled, so that nothing of an
    unrelated message can travel on - save `own`: a teammate's message inside a tracked thread brings `members`."""

    kind: VerdictKind
    ref: Any
    tracked: Tracked | None = None
    others: tuple[Tracked, ...] = ()
    """Further tracked messages that it names, the nearest first."""
    matched_by: MatchedBy | None = None
    confidence: Confidence | None = None
    evidence: tuple[Evidence, ...] = ()
    sender: str = ""
    sender_matches: bool = False
    subject_changed: bool = False
    other_account: bool = False
    """It lies in a colleague's mailbox, not in the one the tracked message left from."""
    own: bool = False
    """Our side's own message: a Sent copy, a cc to oneself, a teammate's answer. Never announced."""
    members: tuple[bytes, ...] = field(default=(), repr=False)
    """Keys of later messages of the thread, to be remembered with `tracked` (member=True)."""
