"""What an operator may set for `send`, besides what every service is told."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from services.providers.connect_settings import ConnectSettings
from services.runtime.settings import RuntimeSettings
from services.send.domain.backoff import Backoff
from services.send.domain.offer_moves import Terms


class Settings(RuntimeSettings, ConnectSettings):
    service: str = "send"
    http_port: int = 8102

    message_bytes: int = Field(default=25_000_000, description="The largest message, as it travels")
    consume_concurrency: int = Field(default=128, description="Requests being stored at once")

    backoff_seconds: tuple[float, ...] = Field(
        default=(60, 120, 300, 900, 1800, 3600), description="After the first, second, … attempt; the last repeats"
    )
    patience_seconds: float = Field(default=86_400, description="How long temporary refusals are borne")
    mailbox_rest_seconds: float = Field(default=300, description="A mailbox's rest where its provider names no time")
    host_rest_seconds: tuple[float, ...] = Field(
        default=(15, 30, 60, 120, 300), description="A host's rest after the first, second, … failure; the last repeats"
    )
    settle_seconds: float = Field(default=10, description="The least time before an unknown outcome is looked into")
    settle_most_seconds: float | None = Field(
        default=None, description="For sandboxes: the most, though a client asks for longer to be sure of an absence"
    )
    probes: int = Field(default=6, description="How often a look that itself fails is repeated")

    poll_seconds: float = Field(default=1.0, description="Safety poll for due mailboxes")
    linger_seconds: float = Field(default=2.0, description="How long an idle mailbox is held for its next message")
    mailbox_lease_seconds: float = Field(default=30, description="After a crash its mailboxes move within this time")
    mailboxes_at_once: int = 2000
    look_ahead: int = Field(default=8, description="Messages prepared per connection of a mailbox")
    submissions_at_once: int = Field(default=500, description="Hand-overs under way in this process")
    per_minute: int = Field(default=0, description="Messages a minute per mailbox where the provider states no limit")

    copies_at_once: int = 32
    copy_backoff_seconds: tuple[float, ...] = (5, 30, 120, 600, 3600)
    copy_attempts: int = 12
    copy_hold_seconds: float = Field(default=300, description="When another process may take a sent copy over")
    sweep_seconds: float = 5.0
    heal_seconds: float = Field(default=60, description="How often swallowed wake-ups are looked for")
    accounts_heal_seconds: float = Field(default=3600, description="How often auth is asked for all accounts")

    external_lapses: int = Field(default=5, ge=1, description="Takers of one message that may fall silent")
    external_resends: int = Field(
        default=3,
        ge=0,
        description="How often a team's decision to resend what nobody can confirm offers one External message anew",
    )
    external_patience_seconds: float = Field(default=86_400, description="How long a taken message may stay unreported")
    external_waiting: int = Field(default=400, description="Long polls in this process at once")

    def backoff(self) -> Backoff:
        return Backoff(
            tuple(timedelta(seconds=s) for s in self.backoff_seconds),
            timedelta(seconds=self.patience_seconds),
            timedelta(seconds=self.mailbox_rest_seconds),
        )

    @property
    def external_terms(self) -> Terms:
        return Terms(self.external_lapses, timedelta(seconds=self.external_patience_seconds), self.external_resends)

    @property
    def host_rests(self) -> tuple[timedelta, ...]:
        return tuple(timedelta(seconds=s) for s in self.host_rest_seconds)
