"""What an operator can set for this service; read once, at start."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    service: str = "reply_matching"
    mongodb_database: str = "replywire_reply_matching"
    http_port: int = 8104

    attachment_limit: int = Field(
        default=10 * 2**20, ge=0, description="Octets of one attachment kept by reference; larger ones are only named"
    )
