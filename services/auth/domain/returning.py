"""The way back to the product, with what came of the visit told in the address. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_OURS = ("status", "account_id")


def returned(return_to: str, status: str = "", account_id: str = "") -> str:
    """`return_to` with `status` and `account_id` in its query; what it had under these names gives way to ours."""
    if not status:
        return return_to
    parts = urlsplit(return_to)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _OURS]
    told = [("status", status), *([("account_id", account_id)] if account_id else [])]
    return urlunsplit(parts._replace(query=urlencode(kept + told)))


def host_of(return_to: str) -> str:
    """Whom the person came from, as they know it."""
    return urlsplit(return_to).hostname or ""
