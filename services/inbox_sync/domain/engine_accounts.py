"""Accounts whose credentials the engine alone holds, each under an opaque token that auth keeps. Pure."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.runtime.envelopes import Owner, SealedBox

TOKEN_SECRET = "engine_token"  # noqa: S105 - the name of a secret: what auth keeps, and leases, of such an account


@dataclass(frozen=True, slots=True)
class EngineAccount:
    token_hash: str
    """Only the hash is kept: who reads this database cannot ask in the account's name."""
    team_id: str
    account_id: str
    client: str
    address: str
    settings: Mapping[str, Any]
    box: SealedBox
    opened_at: datetime
    claimed: int | None = None
    """The revision of the connected account that holds the token; None until it is known to."""
    due: datetime | None = None
    """Until it is claimed: when auth is asked whether any account holds it."""

    @property
    def owner(self) -> Owner:
        return Owner(self.team_id, self.account_id)


def new_token() -> str:
    return f"eng_{secrets.token_urlsafe(32)}"


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
