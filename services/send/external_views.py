"""What the External client's API takes and answers: the same over HTTP and over the team's subjects of the bus."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictFloat
from pydantic_core import from_json
from replywire_contracts.v1.values import Failure, Identities, RecipientOutcome, RequestId

from services.runtime.parameters import Instant, Whole
from services.send.domain.message import Message
from services.send.domain.rulings import FailedReport, Release, Report, SentReport

_CLOCKS = timedelta(minutes=5)
"""How far their clock may be ahead of ours."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Lease = Annotated[
    str, Field(min_length=1, max_length=64, examples=["b0n4XnG5kq2Jm3vV1yTtAw3c"], description="As taken")
]
Words = Annotated[
    str, Field(max_length=2000, examples=["250 2.0.0 Ok: queued"], description="Their server's own words")
]


class TakeIn(_In):
    max: Whole = Field(default=10, ge=1, le=500, description="The most messages to take")
    wait_seconds: StrictFloat = Field(
        default=0, ge=0, le=50, description="How long to wait for one where none is there"
    )
    lease_seconds: Whole = Field(
        default=300, ge=1, le=43_200, description="By then they are reported, or offered again"
    )
    account_id: str | None = Field(default=None, max_length=64, description="Of this account alone")


class ThreadView(BaseModel):
    """The earlier message that this one follows up."""

    message_ids: list[str] = Field(examples=[["<own-1@example.com>"]])
    thread_id: str | None = Field(default=None, examples=["thread-9"], description="As it was reported")


class TakenMessage(BaseModel):
    request_id: str
    account_id: str
    sender: str = Field(examples=["ada@example.com"], description="The envelope's, RFC 5321")
    recipients: list[str] = Field(
        examples=[["grace@example.org"]], description="Everyone in the envelope, Bcc included"
    )
    message_id: str = Field(examples=["<own-1@example.com>"])
    subject: str
    size: int = Field(examples=[1843], description="Octets of the message")
    mime: str | None = Field(
        description="The message, RFC 5322, in base64: send these very octets. Null where it is large: read `raw`",
        examples=["U3ViamVjdDogTHVuY2gNCg0KSGkuDQo="],
    )
    taken: int = Field(examples=[1], description="How often it was taken, this time included")
    expires_at: datetime | None = Field(default=None, description="Not to be sent after this")
    follows: ThreadView | None = None
    metadata: dict[str, JsonValue] = {}
    test: bool = Field(default=False, description="The set-up's proof: send it and report it like any other")


class TakenView(BaseModel):
    lease: str = Field(examples=["b0n4XnG5kq2Jm3vV1yTtAw3c"], description="Of all of them: name it in every report")
    until: datetime = Field(description="When the lease ends, unless it is extended")
    messages: list[TakenMessage] = Field(description="Empty where none came in time")


class ExtendIn(_In):
    lease: Lease
    lease_seconds: Whole = Field(default=300, ge=1, le=43_200, description="From now on")


class OutcomeIn(_In):
    """What became of one recipient."""

    email: str = Field(max_length=320, examples=["grace@example.org"])
    accepted: StrictBool
    code: str = Field(default="", max_length=64, examples=["250 2.1.5"], description="Their server's own")
    words: Words = ""

    def clear(self) -> RecipientOutcome:
        return RecipientOutcome(email=self.email, accepted=self.accepted, code=self.code, words=self.words)


class SentIn(_In):
    lease: Lease
    sent_at: Instant | None = Field(default=None, description="Now, where it is absent")
    message_id: str | None = Field(
        default=None,
        max_length=998,
        pattern=r"^<?[^\s<>]+>?$",
        examples=["<0102018f@example.net>"],
        description="Where their server gave it another one",
    )
    thread_id: str | None = Field(default=None, max_length=512, examples=["thread-9"])
    words: Words = ""
    recipients: tuple[OutcomeIn, ...] = Field(default=(), max_length=500, description="Where some were refused")

    def report(self, message: Message, now: datetime) -> Report:
        sent_at = now if self.sent_at is None else min(self.sent_at, now + _CLOCKS)
        ids = (message.message_id, *((bracketed(self.message_id),) if self.message_id else ()))
        names = Identities(
            message_ids=tuple(dict.fromkeys(ids)), marker=message.marker, provider_thread_id=self.thread_id or None
        )
        return SentReport(self.lease, sent_at, names, self.words, _clear(self.recipients))


class FailedIn(_In):
    """It was not sent and will not be."""

    lease: Lease
    failure_class: str = Field(
        alias="class",
        default="refused",
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        examples=["refused_recipient"],
        description="A stable slug of your own: refused_recipient, too_large, …",
    )
    code: str = Field(default="", max_length=64, examples=["550 5.1.1"])
    words: Words = ""
    remedy: str = Field(default="", max_length=2000, examples=["Check the recipient's address."])
    recipients: tuple[OutcomeIn, ...] = Field(default=(), max_length=500)

    def report(self, message: Message, now: datetime) -> Report:
        remedy = self.remedy or "Read the words of the code that sends, correct what they name, and send a new request."
        why = Failure(reason=self.failure_class, code=self.code, words=self.words, remedy=remedy)
        return FailedReport(self.lease, why, _clear(self.recipients))


class ReleaseIn(_In):
    """It was not sent; somebody may try later."""

    lease: Lease
    retry_in_seconds: StrictFloat = Field(
        default=0, ge=0, le=86_400, examples=[60], description="Not offered before that"
    )
    words: Words = ""

    def report(self, message: Message, now: datetime) -> Report:
        why = Failure(reason="given_back", words=self.words, remedy="Nothing needs to be done: it is offered again.")
        return Release(self.lease, now + timedelta(seconds=self.retry_in_seconds), why)


class SentItem(SentIn):
    request_id: RequestId
    outcome: Literal["sent"]


class FailedItem(FailedIn):
    request_id: RequestId
    outcome: Literal["failed"]


class ReleaseItem(ReleaseIn):
    request_id: RequestId
    outcome: Literal["released"]


class ReportsIn(_In):
    reports: tuple[Annotated[SentItem | FailedItem | ReleaseItem, Field(discriminator="outcome")], ...] = Field(
        min_length=1, max_length=500
    )


class ReportView(BaseModel):
    request_id: str
    state: str = Field(examples=["sent"], description="The message's, afterwards")
    heard: str = Field(
        examples=["recorded"],
        description="recorded; known (it was told before); late (a former holder sent it: nobody gets it any more)",
    )


class ReportAnswer(BaseModel):
    """As the single report would have been answered."""

    request_id: str
    status: int = Field(examples=[200])
    state: str | None = Field(default=None, examples=["sent"])
    heard: str | None = Field(default=None, examples=["recorded"])
    code: str | None = Field(default=None, examples=[None], description="Of the problem, where there is one")
    detail: str | None = Field(default=None, examples=[None])


class ReportsView(BaseModel):
    answers: list[ReportAnswer] = Field(description="One per report, in their order")


class ExtendedView(BaseModel):
    request_id: str
    until: datetime


class OpenView(BaseModel):
    """A message that is not reported yet."""

    request_id: str
    account_id: str
    state: str = Field(examples=["handed_out"], description="queued, deferred or handed_out")
    overdue: bool = Field(examples=[False], description="Taken, and its lease is over")
    next_at: datetime = Field(description="When it may be taken (again)")
    taken: int = Field(examples=[1], description="How often it was taken")
    unheard: int = Field(examples=[1], description="Of how many takers nothing was heard")
    taken_by: str | None = Field(default=None, examples=["Ab3dE6gH9jK2"], description="The key of who has it")
    created_at: datetime


def _clear(given: tuple[OutcomeIn, ...]) -> tuple[RecipientOutcome, ...]:
    return tuple(each.clear() for each in given)


def taken_message(message: Message, mime: bytes | None) -> TakenMessage:
    assert message.offer is not None
    follows = message.follows
    return TakenMessage(
        request_id=message.request_id,
        account_id=message.account,
        sender=message.sender,
        recipients=list(message.recipients),
        message_id=message.message_id,
        subject=message.subject,
        size=message.mime_size,
        mime=None if mime is None else base64.b64encode(mime).decode(),
        taken=message.attempts,
        expires_at=message.expires_at,
        follows=None
        if follows is None
        else ThreadView(message_ids=list(follows.message_ids), thread_id=follows.provider_thread_id),
        metadata=from_json(message.metadata),
        test=message.offer.test,
    )


def open_view(message: Message, now: datetime) -> OpenView:
    offer = message.offer
    assert offer is not None
    assert offer.at is not None
    out = message.state.value == "handed_out"
    return OpenView(
        request_id=message.request_id,
        account_id=message.account,
        state=message.state.value,
        overdue=out and offer.at <= now,
        next_at=offer.at,
        taken=message.attempts,
        unheard=offer.unheard,
        taken_by=offer.given[-1].by if out and offer.lease is not None else None,
        created_at=message.created_at,
    )


def bracketed(message_id: str) -> str:
    """RFC 5322's form of it, however it was given."""
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    return f"<{bare}>"


def failure_words(stored: Mapping[str, Any]) -> str:
    return str(stored.get("words") or stored.get("reason") or "")
