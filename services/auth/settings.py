"""What an operator can set for this service; read once, at start."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from services.providers.protocols import ConnectPolicy
from services.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    service: str = "auth"
    http_port: int = 8101

    key_ring: str | None = Field(
        default=None, repr=False, description="The key ring's file, or its JSON; without one the service does not start"
    )
    offered_clients: tuple[str, ...] = Field(default=("smtp_imap",), description="What people may connect, as JSON")
    lease_seconds: int = Field(default=300, ge=10, le=3600, description="How long leased credentials may be kept")

    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Networks outside the public Internet that mail servers may be in, as JSON"
    )
    allow_imap_143: bool = Field(default=False, description="IMAP with STARTTLS at port 143")
    extra_ports: tuple[int, ...] = Field(default=(), description="Ports beyond the usual ones, as JSON: for sandboxes")
    ca_file: Path | None = Field(default=None, description="Certificates to trust besides the system's")

    proofs_at_once: int = Field(default=64, ge=1, description="Logins at mail servers under way in this process")
    proof_seconds: float = Field(default=90, gt=0, description="Time for one proof of both logins")

    @property
    def connect_policy(self) -> ConnectPolicy:
        return ConnectPolicy(
            allowed_networks=self.allowed_networks,
            allow_imap_143=self.allow_imap_143,
            extra_ports=self.extra_ports,
            ca_file=None if self.ca_file is None else str(self.ca_file),
        )

    @property
    def lease_for(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)
