"""A grant that a provider was asked to take back and has not yet: what asking again needs, for a day at most. Pure.

It is sealed under a key of its own, so that the account's key is destroyed at once whatever the provider does."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.auth.domain.account import Account
from services.auth.domain.tokens import Tokens
from services.runtime.envelopes import Owner, SealedBox, seal
from services.runtime.key_ring import KeyRing

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720))
"""Between the tries; after the last one it is given up. A renewal token that nobody holds renews nothing."""
KEPT_AT_MOST = timedelta(days=2)
"""Whatever happens, nothing of it is left then."""


@dataclass(frozen=True, slots=True)
class OwedRevocation:
    revocation_id: str
    team_id: str
    account_id: str
    box: SealedBox
    tries: int
    next_at: datetime
    ends_at: datetime

    @property
    def owner(self) -> Owner:
        return Owner(self.team_id, self.revocation_id)


def owed(ring: KeyRing, account: Account, tokens: Tokens, pauses: Sequence[timedelta], now: datetime) -> OwedRevocation:
    """Before the provider is asked for the first time. Without the access token, which revoking does not need."""
    owner = Owner(account.team_id, f"rev_{secrets.token_hex(12)}")
    box = seal(ring, owner, replace(tokens, access_token="").sealable())
    return OwedRevocation(
        owner.account_id, account.team_id, account.account_id, box, 1, now + pauses[0], now + KEPT_AT_MOST
    )


def tried_again(revocation: OwedRevocation, pauses: Sequence[timedelta], now: datetime) -> OwedRevocation:
    """As it is while one more try is made: who dies over it has used one up."""
    pause = pauses[min(revocation.tries, len(pauses) - 1)]
    return replace(revocation, tries=revocation.tries + 1, next_at=now + pause)


def is_last(revocation: OwedRevocation, pauses: Sequence[timedelta]) -> bool:
    return revocation.tries > len(pauses)
