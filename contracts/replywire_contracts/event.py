"""What every event is: an envelope of five facts, a subject that ends in the team, and CloudEvents 1.0 headers.

Writers are strict (an unknown field is refused at construction), readers are tolerant (`decode` ignores what a newer
writer added).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

TEAM_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
"""A team is one NATS subject token."""

TeamId = Annotated[str, Field(pattern=TEAM_PATTERN, description="The team: one NATS subject token", examples=["acme"])]


def in_utc(value: datetime) -> datetime:
    """Raises `ValueError` for a time that an offset carries out of the years that a calendar has."""
    try:
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC this time is outside the years 1 to 9999: give one within them") from error


def _utc_text(value: datetime) -> str:
    return in_utc(value).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


Moment = Annotated[AwareDatetime, AfterValidator(in_utc), PlainSerializer(_utc_text, return_type=str, when_used="json")]
"""An aware point in time; in UTC once it is read, and written so."""


def derived_id(*cause: str) -> str:
    """The same cause gives the same id, for ever: 32 hex digits over the parts, unambiguously joined."""
    digest = hashlib.blake2b(digest_size=16)
    for part in cause:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


class Model(BaseModel):
    """A border value: immutable, strict about unknown fields when written."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    @classmethod
    def decode(cls, payload: bytes | str) -> Self:
        """Read what another writer wrote. Raises `pydantic.ValidationError` naming the fields."""
        return cls.model_validate_json(payload, extra="ignore")

    def encode(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class Event(Model):
    """A fact. `id` is also the `Nats-Msg-Id`."""

    NOUN: ClassVar[str]
    VERB: ClassVar[str]
    VERSION: ClassVar[int] = 1
    OWNER: ClassVar[str]
    """The one service that publishes it (`product` for what customers publish)."""

    id: str = Field(min_length=1, max_length=128, description="Deterministic: the same cause publishes the same id")
    occurred_at: Moment
    team_id: TeamId
    correlation_id: str = Field(min_length=1, max_length=128, description="Shared by all that one request caused")
    causation_id: str | None = Field(default=None, max_length=128, description="The id of what directly caused this")

    @classmethod
    def kind(cls) -> str:
        """`mail.v1.send.requested`: the subject without its team."""
        return f"mail.v{cls.VERSION}.{cls.NOUN}.{cls.VERB}"

    @property
    def nats_subject(self) -> str:
        return f"{self.kind()}.{self.team_id}"

    def nats_headers(self) -> dict[str, str]:
        """NATS headers of this event: de-duplication id and CloudEvents 1.0 attributes (NATS protocol binding)."""
        return {
            "Nats-Msg-Id": self.id,
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-source": f"/replywire/{self.OWNER}",
            "ce-type": self.kind(),
            "ce-subject": self.team_id,
            "ce-time": _utc_text(self.occurred_at),
            "ce-datacontenttype": "application/json",
        }


class Request(Model):
    """A question over core request/reply: answered or timed out, never stored."""

    SUBJECT: ClassVar[str]
    """`rpc.v1.<service>.<verb>`."""
    REPLY: ClassVar[type[Model]]


class Problem(Model):
    """Why a request was refused, as the payload of an error reply (header `Replywire-Error: <code>`)."""

    code: str = Field(description="A stable slug, e.g. `unknown_account`")
    detail: str = Field(description="Cause and remedy")
