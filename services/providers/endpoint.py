"""One mail server of a mailbox: where it is, how the connection is protected, and which secret opens it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.providers.errors import Permanent, ReauthRequired
from services.providers.protocols import ConnectPolicy

SMTP_PASSWORD = "smtp_password"  # noqa: S105 - the name of a secret, not a secret
IMAP_PASSWORD = "imap_password"  # noqa: S105
ACCESS_TOKEN = "access_token"  # noqa: S105

_Model = TypeVar("_Model", bound=BaseModel)


class Security(StrEnum):
    """How a connection is protected. `PLAIN` is for sandboxes: only at a port the operator named in `extra_ports`."""

    TLS = "tls"
    STARTTLS = "starttls"
    PLAIN = "plain"


class Auth(StrEnum):
    """Which secret opens the mailbox: a password, or an OAuth access token by XOAUTH2."""

    PASSWORD = "password"  # noqa: S105 - the name of a mechanism
    XOAUTH2 = "xoauth2"


class Endpoint(BaseModel):
    """One server of the mailbox and the name to log in with."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(ge=1, le=65535)
    security: Security = Security.TLS
    username: str = Field(min_length=1, max_length=320)
    auth: Auth = Auth.PASSWORD

    @field_validator("host", "username")
    @classmethod
    def _one_line(cls, value: str) -> str:
        # Both travel in commands of line protocols: a control character would start a second command.
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise ValueError("must not hold control characters")
        return value.strip()


def validated(model: type[_Model], settings: Mapping[str, Any]) -> _Model:
    """An account's JSON as its client's settings. Raises `Permanent` (reason `invalid_settings`) naming the field at
    fault, never its value."""
    try:
        return model.model_validate(dict(settings))
    except ValidationError as refused:
        first = refused.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "settings"
        raise Permanent(
            "invalid_settings", words=f"{field}: {first['msg']}", remedy=f"Correct `{field}` of this mailbox."
        ) from None


def require_permitted_security(endpoint: Endpoint, policy: ConnectPolicy) -> None:
    """Raises `Permanent` where an unprotected connection is asked for at a port that the operator did not name."""
    if endpoint.security is Security.PLAIN and endpoint.port not in policy.extra_ports:
        raise Permanent(
            "refused_host",
            words=f"{endpoint.host}:{endpoint.port} would be used without TLS",
            remedy="Use TLS (SMTP 465, IMAP 993) or STARTTLS (SMTP 25 or 587, IMAP 143).",
        )


def secret_of(endpoint: Endpoint, secret: Mapping[str, str], password_name: str) -> str:
    """The password or token that opens `endpoint`. Raises `ReauthRequired` where it is missing."""
    name = ACCESS_TOKEN if endpoint.auth is Auth.XOAUTH2 else password_name
    try:
        return secret[name]
    except KeyError:
        how = "by signing in with its provider" if endpoint.auth is Auth.XOAUTH2 else "with its password"
        raise ReauthRequired(
            "missing_secret", words=f"{name}: missing", remedy=f"Connect this mailbox again {how}."
        ) from None
