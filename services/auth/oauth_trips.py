"""To a provider's page and back: the state is kept, sealed and spent here, whatever the errand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.auth.domain import oauth_flow
from services.auth.domain.oauth_app import OAuthApp, Provider
from services.auth.domain.oauth_errors import GrantRefused, OAuthError, sign_in_refusal
from services.auth.domain.oauth_flow import Errand, Flow, SignInRefused
from services.auth.domain.tokens import Granted
from services.auth.domain.visitor import Visitor
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_ports import Flows, Memo, SignIns
from services.auth.ports import KeyRings
from services.runtime.envelopes import BoxUnopenable, Owner, open_box, seal
from services.runtime.key_ring import KeyUnknown


@dataclass(frozen=True, slots=True)
class Trip:
    """Back from the provider; its state is spent."""

    flow: Flow
    app: OAuthApp
    memo: Memo


@dataclass(frozen=True, slots=True)
class Trips:
    flows: Flows
    rings: KeyRings
    apps: OAuthApps
    sign_ins: SignIns
    public_url: str
    now: Callable[[], datetime]

    def callback(self, path: str) -> str:
        """Exactly as registered with the provider."""
        return f"{self.public_url.rstrip('/')}/oauth/{path}"

    async def leave(
        self,
        flow: Flow,
        state: str,
        app: OAuthApp,
        *,
        login_hint: str | None = None,
        prompt: str | None = None,
        organisations_only: bool = False,
    ) -> str:
        """The address of the sign-in page. Raises `SignInRefused`."""
        try:
            address, memo = await self.sign_ins(flow.provider).authorize(
                app,
                state,
                flow.redirect_uri,
                login_hint=login_hint,
                prompt=prompt,
                organisations_only=organisations_only,
            )
        except OAuthError as error:
            raise sign_in_refusal(error) from error
        await self.keep(flow, memo)
        return address

    async def keep(self, flow: Flow, memo: Memo) -> None:
        await self.flows.keep(flow, seal(self.rings.ring(), _owner(flow), json.dumps(dict(memo)).encode()))

    async def back(
        self, visitor: Visitor, errands: tuple[Errand, ...], provider: Provider, query: Mapping[str, str]
    ) -> Trip:
        """Spends the state first of all, whatever else came back. Raises `SignInRefused`."""
        state_hash = oauth_flow.hash_state(query.get("state", ""))
        found = await self.flows.take(state_hash, visitor.person, visitor.session_id)
        flow = oauth_flow.ours(None if found is None else found[0], visitor, errands, provider, self.now())
        assert found is not None
        app = await self.apps.of_client(flow.team_id, provider, flow.client_id)
        try:
            memo = json.loads(open_box(self.rings.ring(), _owner(flow), found[1]))
        except (KeyUnknown, BoxUnopenable):
            memo = None
        if app is None or memo is None:
            raise SignInRefused(
                "changed_meanwhile",
                "What this sign-in was begun with has been changed meanwhile.",
                remedy="Begin again.",
            )
        return Trip(flow, app, memo)

    async def redeem(self, trip: Trip, query: Mapping[str, str]) -> Granted:
        """Raises `SignInRefused`."""
        try:
            return await self.sign_ins(trip.flow.provider).exchange(trip.app, trip.memo, query)
        except GrantRefused as refusal:
            if refusal.reason == "grant_refused":  # of a code that was never a grant
                raise SignInRefused(
                    "code_refused",
                    "The sign-in took too long, or was used already.",
                    remedy="Begin again.",
                ) from refusal
            raise sign_in_refusal(refusal) from refusal
        except OAuthError as error:
            raise sign_in_refusal(error) from error


def _owner(flow: Flow) -> Owner:
    return Owner(flow.team_id, f"oauth flow {flow.state_hash}")
