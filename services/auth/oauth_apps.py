"""Which OAuth app a team's people sign in with: the team's own, sealed and never shown again, or the deployment's."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.connecting import Who
from services.auth.domain.oauth_app import OAuthApp


@dataclass(frozen=True, slots=True)
class OAuthApps:
    async def of_team(self, team_id: str, provider: str) -> OAuthApp | None:
        """The team's own app, else the deployment's, else None. Show `client_id` and `of_team`, nothing else of it."""
        raise NotImplementedError

    async def set_team_app(self, who: Who, provider: str, client_id: str, client_secret: str) -> None:
        """Raises `Invalid` naming the field."""
        raise NotImplementedError

    async def remove_team_app(self, who: Who, provider: str) -> bool:
        """False where the team had none."""
        raise NotImplementedError
