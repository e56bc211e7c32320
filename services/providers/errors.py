"""What a provider may say went wrong. Each class is an instruction to the caller; there are no others.

    ProviderError
    ├── Transient        try again: after `retry_after`, and for the whole of `scope`, not only this message
    ├── ReauthRequired   stop the account until its person reconnects it
    ├── Permanent        never try this again; tell the person `words` and `remedy`
    ├── OutcomeUnknown   it may have happened: look before anything is repeated
    └── Unsupported      this client cannot do it at all; `capabilities` says so beforehand

Only a provider's own `errors.py` turns its library's exceptions into these.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class Scope(StrEnum):
    """What a pause applies to."""

    MESSAGE = "message"
    MAILBOX = "mailbox"
    HOST = "host"


class ProviderError(Exception):
    """`reason`: a stable slug; `words`: the server's own; `code`: its code; `remedy`: what a person can do."""

    def __init__(self, reason: str, *, words: str = "", code: str = "", remedy: str = "") -> None:
        super().__init__(f"{reason}: {code} {words}".strip())
        self.reason = reason
        self.words = words
        self.code = code
        self.remedy = remedy
        self.other: ProviderError | None = None
        """Of a second server that failed beside this one; its words and remedy are in these too."""


class Transient(ProviderError):
    """Nothing happened and it may work later. `retry_after` is None where the provider named no time."""

    def __init__(
        self,
        reason: str,
        *,
        words: str = "",
        code: str = "",
        remedy: str = "",
        retry_after: timedelta | None = None,
        scope: Scope = Scope.MESSAGE,
    ) -> None:
        super().__init__(reason, words=words, code=code, remedy=remedy)
        self.retry_after = retry_after
        self.scope = scope


class ReauthRequired(ProviderError):
    """The provider refuses these credentials: only the mailbox's person can help."""


class Permanent(ProviderError):
    """Refused for good."""


class OutcomeUnknown(ProviderError):
    """Contact was lost after the point of no return."""


class Unsupported(ProviderError):
    """`reason` names the ability."""


class CursorVoid(Exception):
    """The place a folder was read up to means nothing any more (UIDVALIDITY changed, delta link or history expired)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
