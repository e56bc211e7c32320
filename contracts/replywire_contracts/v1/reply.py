"""reply_matching's facts: who answered what, and how."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from replywire_contracts.event import Event, Model, Moment
from replywire_contracts.v1.send import Metadata
from replywire_contracts.v1.values import (
    AccountId,
    Address,
    AttachmentInfo,
    Body,
    Evidence,
    MessageIdText,
    RequestId,
)


class Answer(Event):
    OWNER: ClassVar[str] = "reply_matching"
    VERB: ClassVar[str] = "detected"

    reply_id: str = Field(max_length=64)
    request_id: RequestId = Field(description="The tracked message this is about")
    account_id: AccountId
    metadata: Metadata = Field(default={}, description="As given with the send request")
    matched_by: str = Field(
        description=(
            "in_reply_to, references, marker, provider_thread, thread_index, subject, embedded_original, correction"
        )
    )
    confidence: str = Field(description="certain, probable")
    evidence: tuple[Evidence, ...] = ()
    message_class: str = Field(
        alias="class",
        serialization_alias="class",
        description="human, out_of_office, auto_reply, challenge, list, bounce, delayed, complaint",
    )
    message_id: MessageIdText | None = None
    sender: Address | None = None
    sender_matches: bool = Field(description="The sender is a recipient of the tracked message")
    subject: str = Field(default="", max_length=2000)
    subject_changed: bool = False
    received_at: Moment
    provider_thread_id: str | None = Field(default=None, max_length=512)
    other_account: bool = Field(
        default=False, description="Found in a colleague's mailbox, not in the one the tracked message left from"
    )
    corrects: str | None = Field(
        default=None, description="The id of an earlier event that this one takes the place of, of whatever kind"
    )
    withdrawn: bool = Field(
        default=False, description="Said of a correction: this was no answer of yours at all; forget the earlier event"
    )

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class ReplyDetected(Answer):
    """A person answered."""

    NOUN: ClassVar[str] = "reply"

    reply_number: int = Field(ge=1, description="The how-manieth answer to this tracked message")
    new_text: Body = Field(description="The new words alone")
    text: Body = Field(description="The whole text")
    html: Body | None = Field(default=None, description="Sanitised")
    attachments: tuple[AttachmentInfo, ...] = ()
    unsubscribe_request: bool = False
    thread_message_ids: tuple[MessageIdText, ...] = Field(default=(), max_length=50)


class AutoReplyDetected(Answer):
    """A machine answered for somebody: out of office, acknowledgement, challenge, list."""

    NOUN: ClassVar[str] = "auto_reply"

    new_text: Body | None = None
    returns_at: Moment | None = Field(default=None, description="When an out-of-office text names a date")


class BouncedRecipient(Model):
    """What one recipient's server reported (RFC 3464 section 2.3)."""

    email: str = Field(max_length=320)
    action: str = Field(description="failed, delayed, delivered, relayed, expanded")
    hardness: str = Field(description="hard, soft, none")
    status: str = Field(default="", max_length=32, description="RFC 3463, e.g. 5.1.1")
    reason: str = Field(default="", max_length=64, description="unknown_user, mailbox_full, blocked, …")
    words: str = Field(default="", max_length=2000)


class BounceDetected(Answer):
    """A server could not deliver the tracked message (`class` is `bounce`), or not yet (`delayed`)."""

    NOUN: ClassVar[str] = "bounce"

    hardness: str | None = Field(
        default=None,
        max_length=16,
        description="hard (every failed address cannot work), soft; absent where the server still tries",
    )
    recipients: tuple[BouncedRecipient, ...] = ()


class ComplaintDetected(Answer):
    """A recipient reported the tracked message as abuse (ARF, RFC 5965)."""

    NOUN: ClassVar[str] = "complaint"

    feedback_type: str = Field(default="abuse", max_length=64)
    recipient: str | None = Field(default=None, max_length=320)
