"""Who is on our pages, as the link they followed said: one team, one person, one role, one purpose. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.domain.links import Purpose, Role


@dataclass(frozen=True, slots=True)
class Visitor:
    session_id: str
    """The hash of what the cookie holds: it may be stored and compared, and opens nothing."""
    team_id: str
    person: str
    role: Role
    purpose: Purpose
    account_id: str | None
    """The one account that a link to reconnect is about."""
    return_to: str

    @property
    def link_account_id(self) -> str | None:
        return self.account_id if self.purpose is Purpose.RECONNECT else None

    @property
    def is_admin(self) -> bool:
        """An admin's role counts only where a link for the team's settings brought it here."""
        return self.role is Role.ADMIN and self.purpose is Purpose.SETTINGS
