"""A person's request to connect a mailbox, read and completed; what is wrong is named with its field and remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.auth.domain.addresses import read_address
from services.auth.domain.forms import Form, form_of, read_secret
from services.auth.domain.refusals import Invalid

LARGEST_SETTINGS = 16 * 1024
LONGEST_NAME = 200
_SECRET_NAMES = ("password", "passwd", "secret", "token", "api_key")


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """As asked."""

    client: str
    address: str
    display_name: str
    settings: Mapping[str, Any]
    secret: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mailbox that may be tried: every part is well formed, nothing is proved yet."""

    client: str
    form: Form
    address: str
    display_name: str
    settings: Mapping[str, Any]
    secret: Mapping[str, str] = field(repr=False)

    def sealable(self) -> bytes:
        """The secret as it goes into the box, and out to whoever leases it: a JSON object of texts."""
        return json.dumps(dict(self.secret), ensure_ascii=False, separators=(",", ":")).encode()


def read_request(request: ConnectRequest, offered: tuple[str, ...]) -> Candidate:
    """Raises `Invalid`."""
    form = form_of(request.client, offered)
    address = read_address(request.address)
    _require_no_secrets(request.settings, "settings")
    settings = form.complete(address, request.settings)
    if len(json.dumps(settings)) > LARGEST_SETTINGS:
        raise Invalid("settings", "The settings are too large.", "Give hosts, ports and user names only.")
    secret = read_secret(form, request.secret)
    return Candidate(request.client, form, address, read_display_name(request.display_name), settings, secret)


def read_display_name(text: str, field: str = "display_name") -> str:
    """Raises `Invalid`. A name goes into From fields and logs: no line break may hide in it."""
    name = text.strip()
    if len(name) > LONGEST_NAME:
        raise Invalid(field, "The name is too long.", f"Use at most {LONGEST_NAME} characters.")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name):
        raise Invalid(field, "The name holds control characters.", "Type the name anew, on one line.")
    return name


def _require_no_secrets(settings: Mapping[str, Any], path: str) -> None:
    # Settings are kept in clear and shown again: a password put there by mistake must not get in.
    for name, value in settings.items():
        if any(word in str(name).lower() for word in _SECRET_NAMES):
            raise Invalid(f"{path}.{name}", "A password does not belong in the settings.", "Put it into `secret`.")
        if isinstance(value, Mapping):
            _require_no_secrets(value, f"{path}.{name}")
