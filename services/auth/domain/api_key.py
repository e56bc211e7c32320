"""API keys: `rw_<key id>_<secret>`, shown once, kept as a SHA-256 hash, rotated with an overlap. Pure.

A plain hash suffices, without salt or stretching: the secret part is 256 random bits, not a password.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.auth.domain.refusals import Conflict, Invalid

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12
_SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
LONGEST_OVERLAP = timedelta(days=30)
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as kept: what it opens, never what it is."""

    key_id: str
    team_id: str
    name: str
    scopes: tuple[str, ...]
    key_hash: str
    """SHA-256 of the whole key, hex."""
    created_at: datetime
    created_by: str
    last_used_at: datetime | None = None
    """Exact to a minute."""
    expires_at: datetime | None = None
    """Set when a successor was made: both work until then."""
    successor: str | None = None


def hash_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_key(team_id: str, name: str, scopes: tuple[str, ...], created_by: str, now: datetime) -> tuple[ApiKey, str]:
    """The record to keep, and the key itself, which nobody can show a second time."""
    key_id = _random(_ID_LENGTH)
    text = f"rw_{key_id}_{_random(_SECRET_LENGTH)}"
    return ApiKey(key_id, team_id, name, scopes, hash_key(text), now, created_by), text


def rotate(key: ApiKey, overlap: timedelta, created_by: str, now: datetime) -> tuple[ApiKey, ApiKey, str]:
    """The old key with its end, its successor, and the successor's text. Raises `Invalid` or `Conflict`."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid(
            "overlap_seconds",
            "The old key cannot go on working for that long.",
            f"Give 0 to {int(LONGEST_OVERLAP.total_seconds())} seconds.",
        )
    if key.successor is not None:
        raise Conflict(
            "already_rotated",
            f"This key already has a successor, {key.successor}.",
            remedy="Rotate that one, or create a new key.",
        )
    successor, text = make_key(key.team_id, key.name, key.scopes, created_by, now)
    return replace(key, expires_at=now + overlap, successor=successor.key_id), successor, text


def works(key: ApiKey, now: datetime) -> bool:
    return key.expires_at is None or now < key.expires_at


def use_is_news(key: ApiKey, now: datetime) -> bool:
    """Whether this use should be written down: one write a minute tells as much as one a request."""
    return key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
