"""Which service answers where: one base address in front of four services. Plain data, and the only place of it."""

from __future__ import annotations

API: tuple[tuple[str, str], ...] = (
    ("/v1/accounts", "auth"),
    ("/v1/api-keys", "auth"),
    ("/v1/audit", "auth"),
    ("/v1/links", "auth"),
    ("/v1/settings", "auth"),
    ("/v1/external/accounts", "auth"),
    ("/v1/external", "send"),
    ("/v1/external/headers", "inbox_sync"),
    ("/v1/external/raw", "inbox_sync"),
    ("/v1/messages", "send"),
    ("/v1/sending", "send"),
    ("/v1/mailboxes", "inbox_sync"),
    ("/v1/replies", "reply_matching"),
)
"""A path belongs to the longest of these that it is, or begins with before a slash."""

PAGES: tuple[tuple[str, str], ...] = (
    ("/connect", "auth"),
    ("/mailboxes", "auth"),
    ("/settings", "auth"),
    ("/oauth", "auth"),
    ("/static", "auth"),
)
"""What people's browsers open."""

TABLE = (*API, *PAGES)
SERVICES = ("auth", "send", "inbox_sync", "reply_matching")

HEALTH = "/health/"
"""`/health/<service>` is that service's /ready."""
DOCUMENT, REFERENCE = "/v1/openapi.json", "/v1/reference"
"""What the door itself serves: the API's description, for programs and for people."""


def service_of(path: str) -> str | None:
    found = [(len(prefix), service) for prefix, service in TABLE if path == prefix or path.startswith(f"{prefix}/")]
    return max(found)[1] if found else None
