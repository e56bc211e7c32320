"""Which OAuth app a team's people sign in with: the team's own, sealed and never shown again, or the deployment's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.auth.connecting import Who
from services.auth.domain import audit
from services.auth.domain.audit import Action
from services.auth.domain.oauth_app import TITLES, OAuthApp, Provider, app_owner, read_app, read_provider
from services.auth.domain.oauth_errors import AppRefused, GrantRefused
from services.auth.domain.oauth_flow import SignInRefused
from services.auth.oauth_ports import SealedApp, SealedApps
from services.auth.ports import KeyRings
from services.runtime.envelopes import open_box, seal


@dataclass(frozen=True, slots=True)
class OAuthApps:
    deployment: Mapping[Provider, OAuthApp]
    """The operator's own, from the settings; a provider without one is absent."""
    sealed: SealedApps
    rings: KeyRings
    now: Callable[[], datetime]

    async def of_team(self, team_id: str, provider: str) -> OAuthApp | None:
        """The team's own app, else the deployment's, else None. Show `client_id` and `of_team`, nothing else of it."""
        known = read_provider(provider)
        return await self._own(team_id, known) or self.deployment.get(known)

    async def require(self, team_id: str, provider: Provider) -> OAuthApp:
        """Raises `SignInRefused` where nobody set one up."""
        app = await self.of_team(team_id, provider)
        if app is None:
            raise SignInRefused(
                "no_oauth_app",
                f"Signing in with {TITLES[provider]} is not set up here.",
                remedy="Ask whoever runs this service, or your team's admin, to register an app for it.",
            )
        return app

    async def of_client(self, team_id: str, provider: Provider, client_id: str) -> OAuthApp | None:
        """The app of that id: tokens are renewed with the app that got them, as long as it is here."""
        own = await self._own(team_id, provider)
        for app in (own, self.deployment.get(provider)):
            if app is not None and app.client_id == client_id:
                return app
        return None

    async def absence(self, team_id: str, provider: Provider) -> GrantRefused | AppRefused:
        """Why there is no app of the id that tokens were got with: another took its place, or the settings lack it,
        which is no person's affair."""
        title = TITLES[provider]
        if await self.of_team(team_id, provider) is None:
            return AppRefused("no_oauth_app", words=f"no {title} app is set up")
        return GrantRefused(
            "app_changed",
            detail=f"The {title} app that this mailbox was connected with is no longer used here.",
            remedy="Sign in again: open a link to reconnect this account.",
        )

    async def set_team_app(self, who: Who, provider: str, client_id: str, client_secret: str, tenant: str = "") -> None:
        """`tenant`: Microsoft's, of an app for one organisation alone. Raises `Invalid` naming the field."""
        app = read_app(provider, client_id, client_secret, tenant)
        box = seal(self.rings.ring(), app_owner(who.team_id, app.provider), app.client_secret.encode())
        details = {"client_id": app.client_id}
        note = audit.record(who.team_id, who.actor, Action.OAUTH_APP_SET, app.provider.value, self.now(), details)
        await self.sealed.put(who.team_id, SealedApp(app.provider, app.client_id, app.tenant, box), note)

    async def remove_team_app(self, who: Who, provider: str) -> bool:
        """False where the team had none."""
        known = read_provider(provider)
        note = audit.record(who.team_id, who.actor, Action.OAUTH_APP_REMOVED, known.value, self.now())
        return await self.sealed.remove(who.team_id, known, note)

    async def _own(self, team_id: str, provider: Provider) -> OAuthApp | None:
        found = await self.sealed.of(team_id, provider)
        if found is None:
            return None
        secret = open_box(self.rings.ring(), app_owner(team_id, provider), found.box).decode()
        return OAuthApp(provider, found.client_id, secret, found.tenant, of_team=True)
