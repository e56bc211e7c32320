"""What every service must be told, read once from the environment in its `__main__.py` and passed down."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Self

from pydantic import Field, FilePath, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class RuntimeSettings(BaseSettings):
    """A service's `Settings` extends this, gives `service` and `http_port` their defaults and adds its own fields."""

    model_config = SettingsConfigDict(env_prefix="REPLYWIRE_", frozen=True, extra="ignore", env_ignore_empty=True)

    service: str
    instance_id: str = Field(default_factory=_instance, description="This process, in leases and logs")

    nats_url: str = Field(default="nats://127.0.0.1:4222", repr=False, description="Several, separated by commas")
    nats_user: str | None = None
    nats_password: str | None = Field(default=None, repr=False)
    nats_creds: FilePath | None = Field(default=None, description="A credentials file instead of user and password")
    nats_ca_file: FilePath | None = Field(default=None, description="Certificates to trust besides the system's")

    mongodb_url: str = Field(default="mongodb://127.0.0.1:27017/?replicaSet=rs0", repr=False)
    mongodb_database: str = Field(default="", description="`replywire_<service>` where empty")

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8100, description="0 takes a free one")
    http_max_body: int = Field(default=40 * 2**20, description="Octets of one request; more is refused with 413")
    http_rate_quota: int = Field(default=12_000, ge=0, description="Requests of one API key in a window; 0: no limit")
    http_rate_window: int = Field(default=60, ge=1, description="Seconds of that window")

    log_level: str = "INFO"
    graceful_timeout: float = Field(default=30.0, description="Seconds given to work in flight at SIGTERM")
    otlp_endpoint: str | None = Field(default=None, description="Where traces go (extra `otel`); none are kept without")

    @model_validator(mode="after")
    def _name_the_database(self) -> Self:
        if not self.mongodb_database:
            object.__setattr__(self, "mongodb_database", f"replywire_{self.service}")
        return self

    @property
    def inbox_prefix(self) -> str:
        """Replies come to subjects under this, which no other user of the bus may read."""
        return f"_INBOX_{self.service}"
