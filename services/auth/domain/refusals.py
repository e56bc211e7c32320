"""What auth refuses, each with the words for it: the field at fault, why, and what the person can do.

Refused
├── Invalid         a field of the request is wrong
├── NotFound        unknown, or another team's: the answer is the same
├── Conflict        true in itself, but not with what is there
└── NotProved       the mail servers did not let us in; `again` says whether trying later can help
"""

from __future__ import annotations


class Refused(Exception):
    """`code`: a stable slug; `detail`: the cause as a sentence; `remedy`: what to do; `field`: dotted path or empty."""

    def __init__(self, code: str, detail: str, *, remedy: str = "", field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.field = field


class Invalid(Refused):
    def __init__(self, field: str, detail: str, remedy: str) -> None:
        super().__init__("invalid_request", detail, remedy=remedy, field=field)


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class NotProved(Refused):
    """`server_code` and `server_words` are the mail server's own. `failed` names the servers that did not let us in,
    where the others did; empty where that is not known."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        remedy: str = "",
        field: str = "",
        server_code: str = "",
        server_words: str = "",
        again: bool = False,
        retry_after: int | None = None,
        failed: tuple[str, ...] = (),
    ) -> None:
        super().__init__(code, detail, remedy=remedy, field=field)
        self.server_code = server_code
        self.server_words = server_words
        self.again = again
        self.retry_after = retry_after
        self.failed = failed


def connected_by_another() -> Conflict:
    """The same words whoever it is and however they connected it."""
    return Conflict(
        "connected_by_another",
        "This mailbox is connected already, by somebody else of your team.",
        remedy="Ask them, or an admin of your team, for a link to reconnect it.",
        field="address",
    )


def no_such_account() -> NotFound:
    return NotFound("not_found", "This team has no such account.", remedy="List the accounts to see their ids.")


def no_such_key() -> NotFound:
    return NotFound("not_found", "This team has no such API key.", remedy="List the API keys to see their ids.")
