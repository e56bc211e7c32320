"""The settings of one SMTP/IMAP mailbox, read from the account's JSON; secrets stay apart and are never kept here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.providers.endpoint import Endpoint, validated
from services.providers.types import Credentials


class SmtpImapSettings(BaseModel):
    """`Credentials.settings` of this client. Unknown keys are ignored: newer writers add."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    smtp: Endpoint
    imap: Endpoint
    folders: tuple[str, ...] = ()
    """Folders to read besides INBOX and Junk, by their names as people see them."""
    sent_folder: str | None = None
    """Where sent mail is filed, once learnt or chosen; None means: find it."""
    sent_copy: bool = True
    """False where the person switched the copy off or the provider files sent mail itself."""


def read_settings(settings: Mapping[str, Any]) -> SmtpImapSettings:
    """Raises `Permanent` (reason `invalid_settings`)."""
    return validated(SmtpImapSettings, settings)


def smtp_of(credentials: Credentials) -> Endpoint:
    return read_settings(credentials.settings).smtp


def imap_of(credentials: Credentials) -> Endpoint:
    return read_settings(credentials.settings).imap
