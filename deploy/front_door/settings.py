"""What the front door is told, read once from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_ROOT = Path(__file__).parents[2]


class FrontDoorSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="REPLYWIRE_", frozen=True, extra="ignore", env_ignore_empty=True)

    http_host: str = "127.0.0.1"
    http_port: int = 8100
    http_max_body: int = Field(default=40 * 2**20, description="Octets of one request; more is refused with 413")
    log_level: str = "INFO"

    upstreams: dict[str, tuple[str, ...]] = Field(
        default={
            "auth": ("127.0.0.1:8101",),
            "send": ("127.0.0.1:8102",),
            "inbox_sync": ("127.0.0.1:8103",),
            "reply_matching": ("127.0.0.1:8104",),
        },
        description="Host and port of every replica, by service, as JSON",
    )
    documents: Path = Field(default=_ROOT / "contracts" / "openapi", description="Where v1.json and v1.html are")

    connect_seconds: float = Field(default=3, gt=0)
    silence_seconds: float = Field(default=180, gt=0, description="A service that says nothing for so long is given up")
    body_seconds: float = Field(
        default=20, gt=0, description="A client that sends nothing of its body for so long gets 408"
    )
    connections: int = Field(default=500, ge=1, description="Requests under way at a time")
    connections_per_client: int = Field(
        default=250,
        ge=1,
        description="Of them, of one address; behind a proxy that ends TLS all requests come from its address",
    )
