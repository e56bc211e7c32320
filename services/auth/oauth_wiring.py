"""How signing in with providers is put together; a part of `app`'s wiring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from services.auth.adapters.consents import MongoConsents
from services.auth.adapters.google import GoogleSignIn
from services.auth.adapters.microsoft import MicrosoftSignIn
from services.auth.adapters.oauth_apps import MongoOAuthApps
from services.auth.adapters.oauth_flows import MongoFlows
from services.auth.adapters.provider_http import ProviderHttp
from services.auth.admin_consents import AdminConsents
from services.auth.domain.oauth_app import MICROSOFT_GRAPH, OAuthApp, Provider
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_connecting import OAuthConnecting
from services.auth.oauth_ports import SignIn
from services.auth.oauth_trips import Trips
from services.auth.ports import Accounts, KeyRings, OfferedClients, Provers, TeamSettingsStore
from services.auth.renewing import Renewing
from services.auth.revoking import Revoking
from services.auth.settings import Settings
from services.runtime.app import App


@dataclass(frozen=True, slots=True)
class OAuth:
    apps: OAuthApps
    renewing: Renewing
    revoking: Revoking
    consents: AdminConsents
    connecting: OAuthConnecting


def wire(
    app: App,
    settings: Settings,
    accounts: Accounts,
    rings: KeyRings,
    provers: Provers,
    offered: OfferedClients,
    team_settings: TeamSettingsStore,
    at_once: asyncio.Semaphore,
    now: Callable[[], datetime],
) -> OAuth:
    ca_file = None if settings.ca_file is None else str(settings.ca_file)
    google = GoogleSignIn(
        ProviderHttp(Provider.GOOGLE, ca_file=ca_file, seconds=settings.token_seconds), now, settings.google_issuer
    )
    microsoft = MicrosoftSignIn(
        ProviderHttp(Provider.MICROSOFT, ca_file=ca_file, seconds=settings.token_seconds),
        now,
        settings.microsoft_authority,
        settings.provider_hosts.get("microsoft365", {}).get("graph", MICROSOFT_GRAPH),
        settings.microsoft_tenant,
    )

    @cache
    def sign_ins(provider: Provider) -> SignIn:
        return google if provider is Provider.GOOGLE else microsoft

    apps = OAuthApps(deployment_apps(settings), MongoOAuthApps(app.client, app.db), rings, now)
    leases = app.leases("token_renewals", timedelta(seconds=settings.renewal_lease_seconds))
    renewing = Renewing(accounts, rings, apps, sign_ins, leases, now, settings.token_patience_seconds)
    revoking = Revoking(accounts, renewing, apps, sign_ins, settings.revocation_seconds)
    trips = Trips(MongoFlows(app.db), rings, apps, sign_ins, settings.public_url, now)
    consents = AdminConsents(MongoConsents(app.client, app.db), team_settings, trips, microsoft, now)
    connecting = OAuthConnecting(
        accounts, rings, provers, offered, trips, renewing, consents, now, at_once, settings.proof_seconds
    )
    app.on_stopping(renewing.settle)

    @app.on_stop
    async def close() -> None:
        await google.close()
        await microsoft.close()

    return OAuth(apps, renewing, revoking, consents, connecting)


def deployment_apps(settings: Settings) -> dict[Provider, OAuthApp]:
    """The operator's own apps: those with both an id and a secret."""
    named = (
        OAuthApp(Provider.GOOGLE, settings.google_client_id, settings.google_client_secret),
        OAuthApp(Provider.MICROSOFT, settings.microsoft_client_id, settings.microsoft_client_secret),
    )
    return {app.provider: app for app in named if app.client_id and app.client_secret}
