"""Microsoft's admin consent as one team stands with it: none, pending, granted, declined. Pure.

The redirect that ends Microsoft's consent page proves nothing: anybody can type its address, `tenant` included. It
makes the consent *pending*; *granted* takes a real token of the tenant (`tid`) that carries the scopes asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class ConsentStatus(StrEnum):
    NONE = "none"
    PENDING = "pending"
    """Microsoft's page was left with a yes that no token has proved yet."""
    GRANTED = "granted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class ConsentState:
    team_id: str
    status: ConsentStatus = ConsentStatus.NONE
    tenant_id: str | None = None
    """The tenant that a token proved; None until one did."""
    by: str = ""
    """The person who last changed it, by the product's own name."""
    at: datetime | None = None
    detail: str = ""
    """What stands in the way, as a sentence; empty where nothing does."""
    remedy: str = ""
    next: str | None = None
    """Where the browser must go now to prove it; only ever set on what `AdminConsents.finish` returns."""


@dataclass(frozen=True, slots=True)
class Consent:
    """As kept."""

    team_id: str
    client_id: str = ""
    """The app it was given to: another app has none of it."""
    status: ConsentStatus = ConsentStatus.NONE
    tenants: tuple[str, ...] = ()
    """Proved, the newest last."""
    by: str = ""
    at: datetime | None = None
    detail: str = ""
    remedy: str = ""
    revision: int = 0

    def to_app(self, client_id: str) -> Consent:
        """What of it holds for this app."""
        if self.client_id == client_id:
            return self
        return Consent(self.team_id, client_id, revision=self.revision)

    def state(self, next_address: str | None = None) -> ConsentState:
        tenant_id = self.tenants[-1] if self.tenants else None
        return ConsentState(
            self.team_id, self.status, tenant_id, self.by, self.at, self.detail, self.remedy, next_address
        )


def answered(consent: Consent, person: str, now: datetime, detail: str = "", remedy: str = "") -> Consent:
    """The consent page was left with a yes. A consent that was proved before stays as it is."""
    if consent.status is ConsentStatus.GRANTED:
        return replace(consent, by=person, at=now, detail="", remedy="", revision=consent.revision + 1)
    return replace(
        consent,
        status=ConsentStatus.PENDING,
        by=person,
        at=now,
        detail=detail or "Microsoft's page was answered, but no sign-in has proved it yet.",
        remedy=remedy or "Finish the sign-in that follows, or check again.",
        revision=consent.revision + 1,
    )


def granted(consent: Consent, tenant_id: str, person: str, now: datetime) -> Consent:
    """A real token of that tenant carries all that was asked for."""
    return replace(
        consent,
        status=ConsentStatus.GRANTED,
        tenants=(*(other for other in consent.tenants if other != tenant_id), tenant_id),
        by=person,
        at=now,
        detail="",
        remedy="",
        revision=consent.revision + 1,
    )


def declined(consent: Consent, person: str, now: datetime, detail: str, remedy: str) -> Consent:
    """The consent page was left with a no. What was granted before was not taken back by that."""
    if consent.status is ConsentStatus.GRANTED:
        return replace(consent, by=person, at=now, revision=consent.revision + 1)
    return replace(
        consent,
        status=ConsentStatus.DECLINED,
        by=person,
        at=now,
        detail=detail,
        remedy=remedy,
        revision=consent.revision + 1,
    )
