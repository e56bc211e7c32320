"""What the sandbox is told: read once from REPLYWIRE_SANDBOX_* at start."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_USERS = {"alice@example.com": "alice-sandbox", "bob@example.org": "bob-sandbox"}


class SandboxSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="REPLYWIRE_SANDBOX_", frozen=True)

    folder: Path = Path(".replywire/sandbox")
    host: str = "127.0.0.1"
    """The address to listen on."""
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    """What its certificate is for: host names and IP addresses."""
    trust_file: Path | None = None
    """Where a copy of its authority's certificate is put for clients that may not read `folder`."""
    imap_port: int = 2993
    """IMAP over TLS."""
    submission_port: int = 2587
    """SMTP, login only after STARTTLS."""
    smtps_port: int = 2465
    """SMTP over TLS."""
    plain_imap_port: int | None = None
    """IMAP without TLS, for measuring; closed unless named."""
    plain_smtp_port: int | None = None
    users: dict[str, str] = Field(default=DEFAULT_USERS, min_length=1, repr=False)
    """Address to password."""
    max_message: int = 25 * 1024 * 1024

    @field_validator("users")
    @classmethod
    def _addresses(cls, users: dict[str, str]) -> dict[str, str]:
        for address in users:
            local, at, domain = address.partition("@")
            if not (local and at and domain) or "/" in address or address != address.lower():
                raise ValueError(f"{address!r}: a sandbox user is a lower-case address such as alice@example.com")
        return users
