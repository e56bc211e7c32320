"""Where a mailbox's Exchange server is, and what opens it; the two never lie in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.providers.endpoint import validated
from services.providers.errors import Permanent
from services.providers.exchange_online import is_exchange_online

_LONGEST = 4096


class EwsServer(BaseModel):
    """The EWS service of one Exchange server. Always over TLS."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=443, ge=1, le=65535)
    path: str = Field(default="/EWS/Exchange.asmx", max_length=200, pattern=r"^/[A-Za-z0-9._~/-]*$")

    @field_validator("host")
    @classmethod
    def _one_line(cls, value: str) -> str:
        # It travels in a header: a control character would start another one.
        if any(ord(character) <= 32 or ord(character) == 127 for character in value.strip()):
            raise ValueError("must not hold blanks or control characters")
        return value.strip()

    @property
    def where(self) -> str:
        """As people are told of it."""
        return f"EWS server {self.host}:{self.port}"


class EwsSettings(BaseModel):
    """`Credentials.settings` of this client. Unknown keys are ignored: newer writers add."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ews: EwsServer


@dataclass(frozen=True, slots=True)
class Login:
    username: str = field(repr=False)
    """`DOMAIN\\name`, or an address."""
    password: str = field(repr=False)


def read_settings(settings: Mapping[str, Any]) -> EwsSettings:
    """Raises `Permanent` (reason `invalid_settings`, or `other_client` for Exchange Online's hosts)."""
    read = validated(EwsSettings, settings)
    if is_exchange_online(read.ews.host):
        raise Permanent(
            "other_client",
            words=f"{read.ews.host} belongs to Exchange Online, where Microsoft has ended EWS",
            remedy="Connect this mailbox as Microsoft 365 instead.",
        )
    return read


def read_login(address: str, secret: Mapping[str, str]) -> Login:
    """The user name is the address where none is given. Raises `Permanent` (reason `missing_secret`)."""
    username, password = secret.get("username") or address, secret.get("password", "")
    if not password or len(password) > _LONGEST or len(username) > _LONGEST:
        raise Permanent("missing_secret", words="password: missing", remedy="Give the password of this Exchange login.")
    return Login(username, password)
