"""Microsoft's admin consent for a team: started by an admin, answered at Microsoft, proved by a token, audited.

The proof is the admin's own sign-in, silent right after the consent page: an id_token from the token endpoint whose
`tid` is the tenant, with an access token that carries every scope, and an administrator's role where the token tells
roles (`wids`). A client-credentials token would not do: anybody can
name a tenant where some other customer consented, and such a token exists there for whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.auth.domain import audit, consent, oauth_flow
from services.auth.domain.audit import Action, Actor
from services.auth.domain.consent import Consent, ConsentState, ConsentStatus
from services.auth.domain.oauth_app import OAuthApp, Provider
from services.auth.domain.oauth_errors import judge, sign_in_refusal
from services.auth.domain.oauth_flow import Errand, SignInRefused
from services.auth.domain.refusals import Conflict
from services.auth.domain.visitor import Visitor
from services.auth.oauth_ports import ConsentPage, Consents
from services.auth.oauth_trips import Trip, Trips
from services.auth.ports import TeamSettingsStore

_CALLBACK = "microsoft/admin-consent/callback"
_TRIES = 8
_ASKS_A_PERSON = ("login_required", "interaction_required", "account_selection_required")
"""What a silent sign-in says where it cannot be silent."""


@dataclass(frozen=True, slots=True)
class AdminConsents:
    consents: Consents
    team_settings: TeamSettingsStore
    trips: Trips
    page: ConsentPage
    now: Callable[[], datetime]

    async def begin(self, visitor: Visitor) -> str:
        """The address of Microsoft's consent page. Raises `Refused` for all but an admin on the settings page."""
        _require_admin(visitor)
        app = await self.trips.apps.require(visitor.team_id, Provider.MICROSOFT)
        callback = self.trips.callback(_CALLBACK)
        flow, state = oauth_flow.begin(visitor, Errand.CONSENT, Provider.MICROSOFT, app.client_id, callback, self.now())
        await self.trips.keep(flow, {})
        return self.page.consent_page(app, callback, state)

    async def check(self, visitor: Visitor) -> str:
        """The address of a sign-in that proves a consent given elsewhere (by the link of `help_link`). Raises as
        `begin`."""
        _require_admin(visitor)
        app = await self.trips.apps.require(visitor.team_id, Provider.MICROSOFT)
        return await self._to_proof(visitor, app, None, interactive=True)

    async def finish(self, visitor: Visitor, query: Mapping[str, str]) -> ConsentState:
        """What came back to `/oauth/microsoft/admin-consent/callback`, twice in a consent: from the consent page,
        and from the silent sign-in that proves it. Where `next` is set, send the browser there; it comes back here.
        Raises `Refused` (used, expired or foreign `state`; an error of Microsoft's that is nobody's decision)."""
        _require_admin(visitor)
        trip = await self.trips.back(visitor, (Errand.CONSENT, Errand.PROOF), Provider.MICROSOFT, query)
        if trip.flow.errand is Errand.CONSENT:
            return await self._answered(visitor, trip, query)
        return await self._proved(visitor, trip, query)

    async def state(self, team_id: str) -> ConsentState:
        app = await self.trips.apps.of_team(team_id, Provider.MICROSOFT)
        kept = await self.consents.of(team_id)
        return kept.to_app("" if app is None else app.client_id).state()

    async def help_link(self, team_id: str) -> str:
        """The address that a member sends to their Microsoft administrator. Raises `Refused` where there is no app.

        It carries no state: whoever comes back with it changed something at Microsoft, and nothing here."""
        app = await self.trips.apps.require(team_id, Provider.MICROSOFT)
        return self.page.consent_page(app, self.trips.callback(_CALLBACK), None)

    async def require_for_members(self, team_id: str) -> None:
        """Raises `SignInRefused` where the team requires a consent that is not proved."""
        if not (await self.team_settings.of(team_id)).microsoft_consent_required:
            return
        if (await self.state(team_id)).status is not ConsentStatus.GRANTED:
            raise await self._missing(team_id, "Your team wants a Microsoft administrator's consent first.")

    async def require_for_tenant(self, team_id: str, tenant_id: str) -> None:
        """The same for a mailbox of this tenant, now that it is known."""
        if not (await self.team_settings.of(team_id)).microsoft_consent_required:
            return
        app = await self.trips.apps.of_team(team_id, Provider.MICROSOFT)
        kept = (await self.consents.of(team_id)).to_app("" if app is None else app.client_id)
        if tenant_id not in kept.tenants:
            raise await self._missing(team_id, "No administrator of this mailbox's organisation has consented.")

    async def _missing(self, team_id: str, detail: str) -> SignInRefused:
        link = await self.help_link(team_id)
        return SignInRefused(
            "consent_required",
            detail,
            remedy=f"Send your Microsoft administrator this link, and tell your team's admin once they agreed: {link}",
        )

    async def _answered(self, visitor: Visitor, trip: Trip, query: Mapping[str, str]) -> ConsentState:
        # `error` comes first: Microsoft's refusal carries admin_consent=True as well.
        if "error" in query:
            error = judge(Provider.MICROSOFT, query["error"], query.get("error_description", ""))
            if query["error"] not in ("access_denied", "consent_required"):
                raise sign_in_refusal(error)
            said = await self._changed(
                visitor,
                trip,
                Action.CONSENT_DECLINED,
                lambda kept: consent.declined(kept, visitor.person, self.now(), error.detail, error.remedy),
                {"code": error.code},
            )
            return said.state()
        if query.get("admin_consent", "").lower() != "true":
            raise SignInRefused(
                "consent_unanswered",
                "Microsoft's page was left without an answer.",
                remedy="Begin again, and accept or decline there.",
            )
        tenant = query.get("tenant") or None
        await self._changed(
            visitor,
            trip,
            Action.CONSENT_ANSWERED,
            lambda kept: consent.answered(kept, visitor.person, self.now()),
            {"claimed_tenant": (tenant or "")[:64]},
        )
        address = await self._to_proof(visitor, trip.app, tenant, interactive=False)
        return (await self.consents.of(visitor.team_id)).state(address)

    async def _proved(self, visitor: Visitor, trip: Trip, query: Mapping[str, str]) -> ConsentState:
        if "error" in query:
            if query["error"] in _ASKS_A_PERSON and not trip.flow.interactive:
                address = await self._to_proof(visitor, trip.app, trip.flow.tenant, interactive=True)
                return (await self.consents.of(visitor.team_id)).to_app(trip.app.client_id).state(address)
            error = judge(Provider.MICROSOFT, query["error"], query.get("error_description", ""))
            return await self._unproved(visitor, trip, error.detail, error.remedy)
        try:
            granted = await self.trips.redeem(trip, query)
        except SignInRefused as refused:
            return await self._unproved(visitor, trip, refused.detail, refused.remedy)
        tenant_id = granted.identity.tenant_id
        assert tenant_id is not None
        if (flaw := consent.flaw(tenant_id, granted.identity.roles, trip.flow.tenant)) is not None:
            return await self._unproved(visitor, trip, flaw.detail, flaw.remedy)
        by_admin = consent.may_consent(granted.identity.roles)
        proved = await self._changed(
            visitor,
            trip,
            Action.CONSENT_GRANTED,
            lambda kept: consent.granted(kept, tenant_id, visitor.person, self.now(), by_admin=by_admin),
            {"tenant_id": tenant_id, "role": "an administrator's" if by_admin else "not told"},
        )
        return proved.state()

    async def _to_proof(self, visitor: Visitor, app: OAuthApp, tenant: str | None, *, interactive: bool) -> str:
        flow, state = oauth_flow.begin(
            visitor,
            Errand.PROOF,
            Provider.MICROSOFT,
            app.client_id,
            self.trips.callback(_CALLBACK),
            self.now(),
            tenant=tenant,
            interactive=interactive,
        )
        return await self.trips.leave(
            flow, state, app, prompt="select_account" if interactive else "none", organisations_only=True
        )

    async def _unproved(self, visitor: Visitor, trip: Trip, detail: str, remedy: str) -> ConsentState:
        """Still as it was, and why."""
        kept = await self._changed(
            visitor,
            trip,
            Action.CONSENT_ANSWERED,
            lambda kept: consent.answered(kept, visitor.person, self.now(), detail, remedy),
            {"proved": "no"},
        )
        return kept.state()

    async def _changed(
        self,
        visitor: Visitor,
        trip: Trip,
        action: Action,
        move: Callable[[Consent], Consent],
        details: Mapping[str, str],
    ) -> Consent:
        for _ in range(_TRIES):
            before = await self.consents.of(visitor.team_id)
            after = move(before.to_app(trip.app.client_id))
            actor, facts = Actor.person(visitor.person), {"client_id": trip.app.client_id, **details}
            note = audit.record(visitor.team_id, actor, action, "microsoft365", self.now(), facts)
            if await self.consents.replace(before, after, note):
                return after
        raise Conflict("changed_meanwhile", "Somebody else keeps changing this consent.", remedy="Try again.")


def _require_admin(visitor: Visitor) -> None:
    if not visitor.is_admin:
        raise SignInRefused(
            "admins_only",
            "Only an admin of the team can ask for an organisation's consent.",
            remedy="Ask an admin of your team to open the e-mail settings.",
        )
