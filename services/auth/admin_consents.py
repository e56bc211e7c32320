"""Microsoft's admin consent for a team: started by an admin, answered at Microsoft, proved by a token, audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.auth.domain.consent import ConsentState
from services.auth.domain.visitor import Visitor


@dataclass(frozen=True, slots=True)
class AdminConsents:
    async def begin(self, visitor: Visitor) -> str:
        """The address of Microsoft's consent page. Raises `Refused` for all but an admin on the settings page."""
        raise NotImplementedError

    async def check(self, visitor: Visitor) -> str:
        """The address of a sign-in that proves a consent given elsewhere (by the link of `help_link`). Raises as
        `begin`."""
        raise NotImplementedError

    async def finish(self, visitor: Visitor, query: Mapping[str, str]) -> ConsentState:
        """What came back to `/oauth/microsoft/admin-consent/callback`, twice in a consent: from the consent page,
        and from the silent sign-in that proves it. Where `next` is set, send the browser there; it comes back here.
        Raises `Refused` (used, expired or foreign `state`; an error of Microsoft's that is nobody's decision)."""
        raise NotImplementedError

    async def state(self, team_id: str) -> ConsentState:
        raise NotImplementedError

    async def help_link(self, team_id: str) -> str:
        """The address that a member sends to their Microsoft administrator. Raises `Refused` where there is no app."""
        raise NotImplementedError
