"""Microsoft's admin consent as one team stands with it: none, pending, granted, declined. Pure.

The redirect that ends Microsoft's consent page proves nothing: anybody can type its address, `tenant` included. It
makes the consent *pending*; *granted* takes a real token of the tenant (`tid`) that carries the scopes asked for, of
somebody who may consent for all where the token tells that: where people may consent for themselves, a member's own
token carries the same scopes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

PERSONAL_TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""All personal Microsoft accounts are of this tenant, which nobody administers."""
_MAY_CONSENT = frozenset(
    {
        "62e90394-69f5-4237-9190-012177145e10",  # Global Administrator
        "e8611ab8-c189-46e8-94e1-60213ab1f814",  # Privileged Role Administrator
        "158c047a-c907-4556-b7ef-446551a6b5f7",  # Cloud Application Administrator
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",  # Application Administrator
    }
)
"""Microsoft Entra's built-in roles, the same in every tenant."""


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
    """What stands in the way, as a sentence; empty where nothing does. Of a consent that is granted: what came of the
    latest try to prove another."""
    remedy: str = ""
    by_admin: bool = False
    """The token said that its person may consent for all; False where it told nothing of roles."""
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
    by_admin: bool = False
    revision: int = 0

    def to_app(self, client_id: str) -> Consent:
        """What of it holds for this app."""
        if self.client_id == client_id:
            return self
        return Consent(self.team_id, client_id, revision=self.revision)

    def state(self, next_address: str | None = None) -> ConsentState:
        tenant_id = self.tenants[-1] if self.tenants else None
        return ConsentState(
            self.team_id,
            self.status,
            tenant_id,
            self.by,
            self.at,
            self.detail,
            self.remedy,
            self.by_admin,
            next_address,
        )


@dataclass(frozen=True, slots=True)
class NoProof:
    """Why a sign-in, good as it is, proves no administrator's consent."""

    detail: str
    remedy: str


def flaw(tenant_id: str, roles: tuple[str, ...] | None, claimed: str | None) -> NoProof | None:
    """`roles`: None where the token does not tell them. `claimed`: the tenant that the redirect spoke of, if it did."""
    if tenant_id.lower() == PERSONAL_TENANT:
        return NoProof(
            "You signed in with a personal Microsoft account, which no organisation's consent is for.",
            "Begin again, and sign in with an administrator's account of your own organisation.",
        )
    if claimed is not None and claimed.lower() != tenant_id.lower():
        return NoProof(
            "You signed in to another organisation than the one that the consent was said to be for.",
            "Begin again, and sign in with an administrator's account of your own organisation.",
        )
    if roles is not None and not may_consent(roles):
        return NoProof(
            "You signed in with an account that is no administrator's, so it may have agreed for itself alone.",
            "Begin again, and sign in with the account of an administrator who may consent for the organisation.",
        )
    return None


def may_consent(roles: tuple[str, ...] | None) -> bool:
    """For everybody of their tenant."""
    return not _MAY_CONSENT.isdisjoint(role.lower() for role in roles or ())


def answered(consent: Consent, person: str, now: datetime, detail: str = "", remedy: str = "") -> Consent:
    """The consent page was left with a yes. A consent that was proved before stays as it is, with its person; `detail`
    tells what is wrong with the new one."""
    if consent.status is ConsentStatus.GRANTED:
        return replace(consent, detail=detail, remedy=remedy, revision=consent.revision + 1)
    return replace(
        consent,
        status=ConsentStatus.PENDING,
        by=person,
        at=now,
        detail=detail or "Microsoft's page was answered, but no sign-in has proved it yet.",
        remedy=remedy or "Finish the sign-in that follows, or check again.",
        revision=consent.revision + 1,
    )


def granted(consent: Consent, tenant_id: str, person: str, now: datetime, *, by_admin: bool = False) -> Consent:
    """A real token of that tenant carries all that was asked for."""
    return replace(
        consent,
        status=ConsentStatus.GRANTED,
        tenants=(*(other for other in consent.tenants if other != tenant_id), tenant_id),
        by=person,
        at=now,
        detail="",
        remedy="",
        by_admin=by_admin,
        revision=consent.revision + 1,
    )


def declined(consent: Consent, person: str, now: datetime, detail: str, remedy: str) -> Consent:
    """The consent page was left with a no. What was granted before was not taken back by that."""
    if consent.status is ConsentStatus.GRANTED:
        return replace(consent, detail=detail, remedy=remedy, revision=consent.revision + 1)
    return replace(
        consent,
        status=ConsentStatus.DECLINED,
        by=person,
        at=now,
        detail=detail,
        remedy=remedy,
        revision=consent.revision + 1,
    )
