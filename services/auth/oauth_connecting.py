"""Connecting a mailbox by signing in with its provider: out to the sign-in page, and back with a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.auth.domain.account import Account
from services.auth.domain.visitor import Visitor


@dataclass(frozen=True, slots=True)
class OAuthConnecting:
    async def begin(
        self, visitor: Visitor, client: str, *, account_id: str | None = None, login_hint: str | None = None
    ) -> str:
        """The provider's address to send the browser to. `account_id`: the account to reconnect; `login_hint`: the
        address that must sign in, where the person gave one. Raises `Refused`."""
        raise NotImplementedError

    async def finish(self, visitor: Visitor, provider: str, query: Mapping[str, str]) -> tuple[Account, bool]:
        """What came back to `/oauth/{provider}/callback`: the account, and whether it is a new one. Raises `Refused`;
        nothing is left behind then."""
        raise NotImplementedError
