"""What products ask of `send`, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field, JsonValue

from replywire_contracts.event import Event, Moment, derived_id
from replywire_contracts.v1.values import (
    AccountId,
    Address,
    Attachment,
    Body,
    Failure,
    Identities,
    RecipientOutcome,
    RequestId,
    Unsubscribe,
)

Metadata = dict[str, JsonValue]
"""Opaque to Replywire, at most 16 KiB as JSON and 64 levels deep, echoed in every event about the message."""


class _ProductEvent(Event):
    """What a product publishes: `id`, `occurred_at` and `correlation_id` fill themselves in where they are not given.

    The id is derived from the whole content, so that publishing the same request again is recognised, and the same
    `request_id` with other content is not mistaken for it.
    """

    NOUN: ClassVar[str] = "send"
    OWNER: ClassVar[str] = "product"

    id: str = Field(default="", max_length=128, description="Derived from the content where it is not given")
    occurred_at: Moment = Field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str = Field(default="", max_length=128, description="The request_id where it is not given")
    request_id: RequestId

    def model_post_init(self, _context: object) -> None:
        if not self.correlation_id:
            object.__setattr__(self, "correlation_id", self.request_id)
        if not self.id:
            content = self.model_dump_json(exclude={"id", "occurred_at", "correlation_id", "causation_id"})
            object.__setattr__(self, "id", derived_id(self.kind(), content))


class SendRequested(_ProductEvent):
    """Send this mail from that mailbox. Published by the product."""

    VERB: ClassVar[str] = "requested"

    account_id: AccountId
    to: tuple[Address, ...] = Field(default=(), max_length=500)
    cc: tuple[Address, ...] = Field(default=(), max_length=500)
    bcc: tuple[Address, ...] = Field(default=(), max_length=500)
    subject: str = Field(default="", max_length=2000)
    text: Body | None = None
    html: Body | None = None
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=100)
    from_name: str | None = Field(default=None, max_length=256, description="Display name of the sender")
    reply_to: Address | None = None
    reply_to_request_id: RequestId | None = Field(default=None, description="A follow-up in that message's thread")
    headers: dict[str, str] = Field(default={}, description="Extra headers of the allow-list (X-*, Importance, …)")
    unsubscribe: Unsubscribe | None = None
    send_at: Moment | None = None
    expires_at: Moment | None = None
    metadata: Metadata = Field(default={})


class SendCancelRequested(_ProductEvent):
    """Do not send it, if it is not too late. Published by the product."""

    VERB: ClassVar[str] = "cancel_requested"


class _SendOutcome(Event):
    NOUN: ClassVar[str] = "send"
    OWNER: ClassVar[str] = "send"

    request_id: RequestId
    account_id: AccountId
    metadata: Metadata = Field(default={})


class SendAccepted(_SendOutcome):
    """The request is stored and will be carried out; nothing has been sent yet."""

    VERB: ClassVar[str] = "accepted"

    send_at: Moment | None = None


class SendSent(_SendOutcome):
    """The provider took the mail."""

    VERB: ClassVar[str] = "sent"

    sent_at: Moment
    identities: Identities
    recipients: tuple[RecipientOutcome, ...] = Field(default=(), description="Some may have been refused")
    attempts: int = Field(ge=1)


class SendDeferred(_SendOutcome):
    """Not now: it will be tried again at `retry_at`."""

    VERB: ClassVar[str] = "deferred"

    retry_at: Moment
    failure: Failure
    attempts: int = Field(ge=0)


class SendFailed(_SendOutcome):
    """It was not sent and will not be."""

    VERB: ClassVar[str] = "failed"

    account_id: AccountId | None = None  # type: ignore[assignment]  # a malformed request may name none
    failure: Failure
    recipients: tuple[RecipientOutcome, ...] = ()
    attempts: int = Field(default=0, ge=0)


class SendUnconfirmed(_SendOutcome):
    """It may or may not have been sent and the provider cannot tell; a person or the product decides."""

    VERB: ClassVar[str] = "unconfirmed"

    failure: Failure
    identities: Identities
    attempts: int = Field(ge=1)


class SendCancelled(_SendOutcome):
    """It was cancelled before anything left."""

    VERB: ClassVar[str] = "cancelled"

    reason: str = Field(default="requested", description="requested, account_disconnected")
