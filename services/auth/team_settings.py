"""Reading and changing a team's e-mail settings; every change is in the audit log with who and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.auth.connecting import Who
from services.auth.domain import audit, team_settings
from services.auth.domain.refusals import Conflict, Invalid
from services.auth.domain.team_settings import BY_LEAVE, NEEDS_SET_UP, ClientPolicy, TeamSettings
from services.auth.ports import ExternalSetup, TeamSettingsStore
from services.runtime.outcomes import Outage

_TRIES = 8


@dataclass(frozen=True, slots=True)
class TeamClients:
    """What one team may choose from and has chosen, with all that is needed to show it."""

    settings: TeamSettings
    listed: tuple[str, ...]
    offered: tuple[str, ...]
    missing: Mapping[str, tuple[str, ...]]
    """Per client that needs a set-up: what it still lacks."""


@dataclass(frozen=True, slots=True)
class TeamSettingsChanges:
    """Conforms to `ports.OfferedClients`."""

    store: TeamSettingsStore
    external: ExternalSetup
    operator_offers: tuple[str, ...]
    now: Callable[[], datetime]

    async def of(self, team_id: str) -> tuple[str, ...]:
        return (await self.view(team_id)).offered

    async def view(self, team_id: str) -> TeamClients:
        settings = await self.store.of(team_id)
        return await self._seen(settings, only_undecided=True)

    async def full_view(self, team_id: str) -> TeamClients:
        """Also of set-ups that are not needed to know what is offered: for who decides."""
        return await self._seen(await self.store.of(team_id))

    async def change(
        self,
        who: Who,
        *,
        offered: Iterable[str] | None = None,
        consent_required: bool | None = None,
        policies: Mapping[str, ClientPolicy] | None = None,
        revision: int | None = None,
    ) -> TeamSettings:
        """What is None stays. `policies` replaces the named clients' policies alone. `revision`: what the change is
        based on; `Conflict` where somebody changed the settings since. Raises `Invalid`, `Conflict`."""
        read = {client: team_settings.read_policy(client, policy) for client, policy in (policies or {}).items()}
        for _ in range(_TRIES):
            before = await self.store.of(who.team_id)
            if revision is not None and revision != before.revision:
                raise _changed_meanwhile()
            after = replace(before, policies={**before.policies, **read})
            if offered is not None:
                seen = await self._seen(before)
                wanted = tuple(offered)
                # A team that never chose goes on being offered what it is: that alone is no choice.
                if before.offered is not None or set(wanted) != set(seen.offered):
                    chosen = team_settings.choose(before, wanted, self.operator_offers, seen.missing)
                    after = replace(after, offered=chosen)
            if consent_required is not None:
                after = replace(after, microsoft_consent_required=consent_required)
            saved = await self._save(who, before, after)
            if saved is not None:
                return saved
        raise _changed_meanwhile()

    async def allow(self, who: Who, client: str, allowed: bool) -> TeamSettings:
        """The operator's word on a client that is switched on team by team. Raises `Invalid`, `Conflict`."""
        if client not in BY_LEAVE:
            raise Invalid(
                "client",
                f"{client!r} is not switched on team by team.",
                f"Choose from: {', '.join(sorted(BY_LEAVE))}; for others see REPLYWIRE_OFFERED_CLIENTS.",
            )
        for _ in range(_TRIES):
            before = await self.store.of(who.team_id)
            kept = tuple(other for other in before.allowed if other != client)
            saved = await self._save(who, before, replace(before, allowed=(*kept, client) if allowed else kept))
            if saved is not None:
                return saved
        raise _changed_meanwhile()

    async def _seen(self, settings: TeamSettings, only_undecided: bool = False) -> TeamClients:
        listed = team_settings.listed(settings, self.operator_offers)
        undecided = settings.offered is None or not only_undecided
        asked = [client for client in listed if client in NEEDS_SET_UP and undecided]
        missing = {client: await self._missing(settings.team_id) for client in asked}
        offered = team_settings.offered(settings, self.operator_offers, missing)
        return TeamClients(settings, listed, offered, missing)

    async def _missing(self, team_id: str) -> tuple[str, ...]:
        try:
            return await self.external.missing(team_id)
        except Outage:
            # Whoever connects another client must not be held up by it.
            return ("It cannot be seen at present how far its set-up is: try again in a minute.",)

    async def _save(self, who: Who, before: TeamSettings, after: TeamSettings) -> TeamSettings | None:
        """None where somebody else was faster. What changes nothing writes nothing."""
        at = self.now()
        notes = [
            audit.record(who.team_id, who.actor, action, subject, at, details)
            for action, subject, details in team_settings.differences(before, after)
        ]
        if not notes:
            return before
        saved = replace(after, revision=before.revision + 1, changed_at=at)
        return saved if await self.store.replace(before, saved, notes) else None


def _changed_meanwhile() -> Conflict:
    return Conflict(
        "changed_meanwhile",
        "Somebody else changed these settings meanwhile.",
        remedy="Look at them as they are now, then change them again.",
    )
