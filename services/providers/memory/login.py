"""Opens a mailbox of the world, or refuses as a mail server would."""

from __future__ import annotations

from collections.abc import Mapping

from services.providers.errors import ReauthRequired
from services.providers.memory.world import MemoryAccount, World


def log_in(world: World, address: str, secret: Mapping[str, str]) -> MemoryAccount:
    """Raises `ReauthRequired`."""
    account = world.accounts.get(address)
    if account is None or secret.get("password") != account.password:
        raise ReauthRequired(
            "refused_login",
            words="authentication failed",
            code="535 5.7.8",
            remedy="Check the user name and password, then connect this mailbox again.",
        )
    return account
