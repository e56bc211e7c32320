"""Creating, rotating and deleting a team's API keys; each change is in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.auth.connecting import Who
from services.auth.domain import api_key, audit
from services.auth.domain.api_key import ApiKey
from services.auth.domain.audit import Action
from services.auth.domain.connect_request import read_display_name
from services.auth.domain.refusals import Conflict, no_such_key
from services.auth.domain.scopes import read_scopes, require_within
from services.auth.ports import ApiKeys


@dataclass(frozen=True, slots=True)
class Keys:
    api_keys: ApiKeys
    now: Callable[[], datetime]
    changed: Callable[[str], None] = lambda _: None
    """Tells every service to ask about this key anew; by default nobody listens, as in a command."""

    async def create(
        self, who: Who, name: str, scopes: Iterable[str], within: Iterable[str] | None
    ) -> tuple[ApiKey, str]:
        """The record and the key itself. `within`: the scopes of the key that asks; None for the operator."""
        wanted = read_scopes(scopes)
        if within is not None:
            require_within(wanted, tuple(within))
        key, text = api_key.make_key(who.team_id, read_display_name(name, "name"), wanted, who.actor.name, self.now())
        await self.api_keys.add(key, _note(who, key, Action.KEY_CREATED, key.created_at))
        return key, text

    async def rotate(
        self, who: Who, key_id: str, overlap: timedelta, within: Iterable[str]
    ) -> tuple[ApiKey, ApiKey, str]:
        """The old key with its end, its successor, and the successor's text."""
        old = await self._existing(who, key_id)
        require_within(old.scopes, tuple(within))
        ended, successor, text = api_key.rotate(old, overlap, who.actor.name, self.now())
        note = _note(who, old, Action.KEY_ROTATED, successor.created_at, successor=successor.key_id)
        if not await self.api_keys.succeed(ended, successor, note):
            raise Conflict(
                "already_rotated", "This key was rotated or deleted meanwhile.", remedy="List the keys to see."
            )
        self.changed(key_id)
        return ended, successor, text

    async def delete(self, who: Who, key_id: str) -> None:
        """It stops working at once; within 30 seconds wherever it was just used and the hint did not arrive."""
        key = await self._existing(who, key_id)
        if not await self.api_keys.delete(key, _note(who, key, Action.KEY_DELETED, self.now())):
            raise no_such_key()
        self.changed(key_id)

    async def _existing(self, who: Who, key_id: str) -> ApiKey:
        key = await self.api_keys.of_team(who.team_id, key_id)
        if key is None:
            raise no_such_key()
        return key


def _note(who: Who, key: ApiKey, action: Action, at: datetime, **more: str) -> audit.AuditRecord:
    details = {"name": key.name, "scopes": " ".join(key.scopes), **more}
    return audit.record(who.team_id, who.actor, action, key.key_id, at, details)
