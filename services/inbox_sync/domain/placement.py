"""Which replica should read which mailbox: rendezvous hashing, so that one that comes or goes moves only its share.

A wish, not a right: the lease decides who may write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable


def preferred(account_id: str, replicas: Iterable[str]) -> str | None:
    """The replica with the highest weight for this account; None where no replica lives."""
    return max(replicas, key=lambda replica: (_weight(account_id, replica), replica), default=None)


def share(accounts: Iterable[str], replicas: Collection[str], me: str) -> set[str]:
    """The accounts that are `me`'s to read while exactly these replicas live."""
    if len(replicas) == 1 and me in replicas:
        return set(accounts)
    return {account_id for account_id in accounts if preferred(account_id, replicas) == me}


def _weight(account_id: str, replica: str) -> bytes:
    return hashlib.blake2b(f"{replica}\n{account_id}".encode(), digest_size=8).digest()
