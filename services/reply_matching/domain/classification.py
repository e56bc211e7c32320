"""What kind of message an answer is, as values: the class, what proves it, and each recipient's fate in a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.reply_matching.domain.judged import Confidence, Evidence


class Class(StrEnum):
    HUMAN = "human"
    OUT_OF_OFFICE = "out_of_office"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    DELAYED = "delayed"
    """The server still tries: not a bounce."""
    COMPLAINT = "complaint"
    CHALLENGE = "challenge"
    """A filter asks the sender to prove that they are human before it lets the mail through."""
    LIST = "list"


class Hardness(StrEnum):
    HARD = "hard"
    """The address cannot work: there is no such person, no such host, they have moved, or the host takes no mail."""
    SOFT = "soft"
    """Anything else: a full mailbox, a filter, a policy, a broken server. The address itself may well be right."""


class Action(StrEnum):
    """RFC 3464, 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says of one recipient."""

    address: str
    """Lower case; empty when the report names nobody."""
    action: Action
    status: str = ""
    """RFC 3463, `5.1.1`; empty when none was given."""
    reason: str = ""
    """A slug of `reasons.REASONS`, which also holds the sentence for a person."""
    hardness: Hardness | None = None
    """Only where the action is `failed`."""
    words: str = ""
    """The remote server's own words, on one line."""
    original_address: str = ""
    """The address as the sender wrote it, where it was forwarded to another."""


@dataclass(frozen=True, slots=True)
class Classification:
    """One message's class with everything that led to it."""

    klass: Class
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    hardness: Hardness | None = None
    """Only of a bounce; soft as soon as one failed recipient is."""
    recipients: tuple[RecipientReport, ...] = ()
    return_date: date | None = None
    """When an out-of-office answer says that they are back."""
    unsubscribe_request: bool = False
    reason: str = ""
    """Of a bounce or delay: the (first) failed recipient's; of a complaint: its feedback type."""
    words: str = ""
    """Of a bounce: the remote server's words."""
