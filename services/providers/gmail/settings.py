"""The settings of one Gmail mailbox, and where Google's servers are: the same for everybody, unless an operator says
otherwise. A person's settings cannot name a server, for it would be given their access token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.providers.endpoint import Auth, Endpoint, Security, validated
from services.providers.protocols import ConnectPolicy

_GOOGLE: Mapping[str, Mapping[str, Any]] = {
    "smtp": {"host": "smtp.gmail.com", "port": 465, "security": Security.TLS},
    "imap": {"host": "imap.gmail.com", "port": 993, "security": Security.TLS},
}


class GmailSettings(BaseModel):
    """`Credentials.settings` of this client. Unknown keys are ignored: newer writers add."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folders: tuple[str, ...] = ()
    """Labels to read besides, by their names as people see them: what is in All Mail is read anyway."""


def read_settings(settings: Mapping[str, Any]) -> GmailSettings:
    """Raises `Permanent` (reason `invalid_settings`)."""
    return validated(GmailSettings, settings)


@dataclass(frozen=True, slots=True)
class Servers:
    smtp: Endpoint
    imap: Endpoint

    def told(self) -> dict[str, dict[str, Any]]:
        """As an account's settings name them: for people, and for whoever paces the connections to one host."""
        return {
            name: endpoint.model_dump(mode="json", include={"host", "port", "security"})
            for name, endpoint in (("smtp", self.smtp), ("imap", self.imap))
        }


def servers_of(address: str, policy: ConnectPolicy) -> Servers:
    """`policy.hosts["gmail"]` may redirect both (sandboxes): `{"smtp": {"host", "port", "security"}, "imap": …}`."""
    redirected: Mapping[str, Any] = (policy.hosts or {}).get("gmail") or {}
    endpoints = {
        name: validated(Endpoint, {**google, **redirected.get(name, {}), "username": address, "auth": Auth.XOAUTH2})
        for name, google in _GOOGLE.items()
    }
    return Servers(endpoints["smtp"], endpoints["imap"])
