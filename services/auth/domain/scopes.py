"""What an API key may be allowed to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.auth.domain.refusals import Invalid

SCOPES: dict[str, str] = {
    "accounts:read": "see the connected mailboxes and their health",
    "accounts:write": "connect, reconnect and disconnect mailboxes",
    "messages:read": "read drafts, states and history of messages",
    "messages:write": "send, cancel and resolve messages",
    "replies:read": "read detected replies, bounces and complaints",
    "replies:write": "correct what a reply was taken for",
    "mailboxes:read": "see how far each mailbox is synced",
    "mailboxes:write": "ask for a mailbox to be synced again",
    "calendars:read": "read calendars of mailboxes that have one",
    "calendars:write": "create, change and cancel calendar events",
    "links:write": "make signed links to the connect and settings pages",
    "settings:read": "see which e-mail clients the team offers, and on what terms",
    "settings:write": "change which e-mail clients the team offers, and on what terms",
    "external:work": "take messages of External accounts, report what became of them and what came in",
    "keys:manage": "create, rotate and delete API keys",
    "audit:read": "read who changed what and when",
}
"""Every scope with the sentence it is explained by. The names are part of the API: they are never reused."""


def read_scopes(asked: Iterable[str], field: str = "scopes") -> tuple[str, ...]:
    """The asked scopes, each once, in the order of `SCOPES`. Raises `Invalid`."""
    wanted = set(asked)
    unknown = sorted(wanted - SCOPES.keys())
    if unknown:
        raise Invalid(field, f"There is no scope {unknown[0]!r}.", f"Choose from: {', '.join(SCOPES)}.")
    if not wanted:
        raise Invalid(field, "A key without a scope can do nothing.", f"Choose from: {', '.join(SCOPES)}.")
    return tuple(scope for scope in SCOPES if scope in wanted)


def require_within(asked: Sequence[str], own: Sequence[str], field: str = "scopes") -> None:
    """A key hands on no more than it has. Raises `Invalid`."""
    beyond = [scope for scope in asked if scope not in own]
    if beyond:
        raise Invalid(
            field,
            f"The key you use does not have the scope {beyond[0]!r}, so it cannot give it.",
            "Use a key that has it, or ask the operator for `python -m services.auth create-key`.",
        )
