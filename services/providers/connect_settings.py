"""What an operator may set about the servers that this deployment connects to: the same for every service that does."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, FilePath

from services.providers.protocols import ConnectPolicy


class ConnectSettings(BaseModel):
    """Part of a service's `Settings`, read from the environment with the rest of them."""

    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Networks outside the public Internet that mail servers may be in, as JSON"
    )
    allow_imap_143: bool = Field(default=False, description="IMAP with STARTTLS at port 143")
    extra_ports: tuple[int, ...] = Field(default=(), description="Ports beyond the usual ones, as JSON: for sandboxes")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust besides the system's")
    provider_hosts: dict[str, Any] = Field(
        default={}, description="A provider's servers redirected, by client, as JSON: for sandboxes and other clouds"
    )

    @property
    def connect_policy(self) -> ConnectPolicy:
        return ConnectPolicy(
            allowed_networks=self.allowed_networks,
            allow_imap_143=self.allow_imap_143,
            extra_ports=self.extra_ports,
            hosts=self.provider_hosts,
            ca_file=None if self.ca_file is None else str(self.ca_file),
        )
