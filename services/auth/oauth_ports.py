"""What signing in with a provider needs of the world, as small Protocols beside their users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.auth.domain.audit import AuditRecord
from services.auth.domain.consent import Consent
from services.auth.domain.oauth_app import OAuthApp, Provider
from services.auth.domain.oauth_flow import Flow
from services.auth.domain.tokens import Granted, Tokens
from services.runtime.envelopes import SealedBox

Memo = Mapping[str, Any]
"""What a provider's adapter must find again when the person comes back; kept sealed, as JSON."""


class SignIn(Protocol):
    """One provider. Every method may raise the errors of `domain.oauth_errors`; none waits for ever."""

    async def authorize(
        self,
        app: OAuthApp,
        state: str,
        redirect_uri: str,
        *,
        login_hint: str | None = None,
        prompt: str | None = None,
        organisations_only: bool = False,
    ) -> tuple[str, Memo]:
        """The address of the sign-in page, with PKCE S256, `state` and a nonce. `organisations_only`: not for personal
        accounts, where the provider has a page for that."""
        ...

    async def exchange(self, app: OAuthApp, memo: Memo, query: Mapping[str, str]) -> Granted:
        """The code for tokens. `query` holds no `error`; its `state` was checked."""
        ...

    async def refresh(self, app: OAuthApp, tokens: Tokens) -> Tokens:
        """A new access token, and whatever renews it from now on."""
        ...

    async def revoke(self, app: OAuthApp, tokens: Tokens) -> bool:
        """Take the grant back at the provider; False where it has no way to do so."""
        ...


class SignIns(Protocol):
    def __call__(self, provider: Provider) -> SignIn: ...


class ConsentPage(Protocol):
    def consent_page(self, app: OAuthApp, redirect_uri: str, state: str | None) -> str:
        """The address of Microsoft's page where an administrator agrees for the whole tenant."""
        ...


class Flows(Protocol):
    """Sign-ins under way."""

    async def keep(self, flow: Flow, box: SealedBox) -> None:
        """`box`: the memo, sealed."""
        ...

    async def take(self, state_hash: str, person: str, session_id: str) -> tuple[Flow, SealedBox] | None:
        """The flow, and it is gone; None where this person in this session has none of that state (another's stays)."""
        ...


@dataclass(frozen=True, slots=True)
class SealedApp:
    """A team's own app as kept; the box holds its client secret."""

    provider: Provider
    client_id: str
    tenant: str
    box: SealedBox


class SealedApps(Protocol):
    """Teams' own OAuth apps. A change and its audit record are one write."""

    async def of(self, team_id: str, provider: Provider) -> SealedApp | None: ...

    async def put(self, team_id: str, app: SealedApp, audit: AuditRecord) -> None: ...

    async def remove(self, team_id: str, provider: Provider, audit: AuditRecord) -> bool: ...


class Consents(Protocol):
    """Teams' admin consents. A change and its audit record are one write."""

    async def of(self, team_id: str) -> Consent: ...

    async def replace(self, before: Consent, after: Consent, audit: AuditRecord) -> bool:
        """False where it is no longer as `before`."""
        ...
