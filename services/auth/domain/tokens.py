"""What a sign-in leaves in an account's sealed box, and when it must be renewed. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from services.auth.domain.oauth_app import Provider

AHEAD_AT_MOST = timedelta(minutes=5)
NOT_STALE_FOR = timedelta(minutes=1)
"""A token refused so soon after it was made is not stale: a third one would be refused too."""


@dataclass(frozen=True, slots=True)
class Tokens:
    provider: Provider
    client_id: str
    """The app that got them; another app's secret does not renew them."""
    subject: str
    """Who signed in, by the provider's own immutable id."""
    scopes: tuple[str, ...]
    access_token: str = field(repr=False)
    made_at: datetime
    """To the second, as are all times here."""
    expires_at: datetime
    renewal: str = field(repr=False)
    """What gets the next access token: Google's refresh token, or the cache of Microsoft's library."""

    def sealable(self) -> bytes:
        facts = {
            "provider": self.provider.value,
            "client_id": self.client_id,
            "subject": self.subject,
            "scopes": list(self.scopes),
            "access_token": self.access_token,
            "made_at": int(self.made_at.timestamp()),
            "expires_at": int(self.expires_at.timestamp()),
            "renewal": self.renewal,
        }
        return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()

    def secret(self) -> dict[str, str]:
        """What is leased: never what renews it."""
        return {"access_token": self.access_token}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a provider says signed in."""

    subject: str
    addresses: tuple[str, ...]
    """The mailbox's own address first, then the others it goes by."""
    tenant_id: str | None = None
    all_told: bool = True
    """False where the mailbox itself must be asked for the addresses it goes by."""
    roles: tuple[str, ...] | None = None
    """The directory roles that they hold, by Microsoft's ids; None where the token does not tell."""


@dataclass(frozen=True, slots=True)
class Granted:
    tokens: Tokens
    identity: Identity


class Revocation(StrEnum):
    """What became of the grant; in the audit record of the disconnection."""

    REVOKED = "revoked"
    FAILED = "failed"
    """The provider did not answer: the person can take it back at their account's own page. We hold nothing of it."""
    NOT_POSSIBLE = "the provider has no way"
    STILL_USED = "kept for another account of this mailbox"
    """A provider takes back all that an app was granted for a mailbox, so another team's account would stop too."""


def read_tokens(opened: bytes) -> Tokens | None:
    """None where the box holds a password or the like."""
    facts: Mapping[str, Any] = json.loads(opened)
    if "renewal" not in facts:
        return None
    return Tokens(
        provider=Provider(facts["provider"]),
        client_id=facts["client_id"],
        subject=facts["subject"],
        scopes=tuple(facts["scopes"]),
        access_token=facts["access_token"],
        made_at=datetime.fromtimestamp(facts["made_at"], UTC),
        expires_at=datetime.fromtimestamp(facts["expires_at"], UTC),
        renewal=facts["renewal"],
    )


def renew_at(tokens: Tokens, account_id: str) -> datetime:
    """Ahead of the token's end: a tenth of its life, five minutes at most, and up to as much again by chance, so that
    mailboxes connected in one minute are not renewed in one minute. Every replica finds the same moment."""
    ahead = min(AHEAD_AT_MOST, (tokens.expires_at - tokens.made_at) / 10)
    mark = hashlib.sha256(f"{account_id} {int(tokens.made_at.timestamp())}".encode()).digest()
    chance = int.from_bytes(mark[:4], "big") / 2**32
    return tokens.expires_at - ahead * (1 + chance)


def must_renew(tokens: Tokens, account_id: str, refused: bool, now: datetime) -> bool:
    """`refused`: the provider has just refused this very token."""
    return now >= renew_at(tokens, account_id) or (refused and now - tokens.made_at >= NOT_STALE_FOR)


def expiry(expires_in: object, now: datetime) -> datetime:
    """The end of a token as its answer states it, within reason: RFC 6749 lets it be left out."""
    try:
        seconds = int(str(expires_in))
    except ValueError:
        seconds = 3600
    return now.replace(microsecond=0) + timedelta(seconds=max(1, min(seconds, 86400)))
