"""What an operator can set for this service; read once, at start."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from services.inbox_sync.domain.backoff import Backoff
from services.inbox_sync.engine.tools import Rules
from services.providers.connect_settings import ConnectSettings
from services.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings, ConnectSettings):
    service: str = "inbox_sync"
    http_port: int = 8103

    find_keys: SecretStr = Field(
        description="Keys that seal what was found while it is kept: 32 octets in base64 each, separated by commas; "
        "the first seals, all open. Keys made of these seal the credentials of Exchange accounts"
    )
    find_days: int = Field(default=30, ge=1, description="Days after which a find's row is dropped")

    look_back_days: float = Field(
        default=2, ge=0, description="How far before a mailbox's connecting answers are sought"
    )
    extra_folders: tuple[str, ...] = Field(default=(), description="Read in every mailbox besides INBOX and Junk")
    fetch_limit: int = Field(default=10 * 2**20, ge=1024, le=12 * 2**20, description="Octets of a match that are kept")
    safety_poll_seconds: float = Field(default=240, gt=0, description="How often a quiet mailbox is looked at unasked")
    folders_seconds: float = Field(
        default=600, gt=0, description="How often a mailbox is asked which folders it has: they come, go and come back"
    )
    stall_after_seconds: float = Field(default=300, ge=0, description="How long an outage lasts before it is announced")
    retry_first_seconds: float = Field(default=1, gt=0)
    retry_most_seconds: float = Field(default=300, gt=0)
    judge_seconds: float = Field(default=15, gt=0, description="How long reply_matching may take over one batch")

    connections_at_once: int = Field(default=16, ge=1, description="Connections being opened to one host at a time")
    connections_per_second: float = Field(default=40, gt=0, description="Connections opened to one host in a second")

    mailbox_lease_seconds: float = Field(default=30, gt=0)
    mailbox_renew_seconds: float = Field(default=10, gt=0)
    placement_seconds: float = Field(default=2, gt=0, description="How often a replica looks at what it should read")
    heal_seconds: float = Field(default=600, gt=0, description="How often auth is asked which mailboxes there are")
    sweep_seconds: float = Field(default=5, gt=0, description="How often finds that are not confirmed are looked after")

    proofs_at_once: int = Field(default=16, ge=1, description="Exchange logins under way in this process")
    unclaimed_seconds: float = Field(
        default=600, gt=0, description="How long credentials are kept that no connected account has claimed yet"
    )

    @property
    def rules(self) -> Rules:
        return Rules(
            look_back=timedelta(days=self.look_back_days),
            extra_folders=self.extra_folders,
            fetch_limit=self.fetch_limit,
            safety_poll=timedelta(seconds=self.safety_poll_seconds),
            list_folders_every=timedelta(seconds=self.folders_seconds),
            stall_after=timedelta(seconds=self.stall_after_seconds),
            backoff=Backoff(timedelta(seconds=self.retry_first_seconds), timedelta(seconds=self.retry_most_seconds)),
        )
