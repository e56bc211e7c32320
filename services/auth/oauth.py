"""Signing in with providers, put together: what the pages, the leases and a disconnection each need of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.auth.admin_consents import AdminConsents
from services.auth.domain.oauth_app import OAuthApp, Provider
from services.auth.links import mailbox_page
from services.auth.oauth_apps import OAuthApps
from services.auth.oauth_connecting import OAuthConnecting
from services.auth.oauth_ports import ConsentPage, Consents, Flows, SealedApps, SignIns
from services.auth.oauth_trips import Trips
from services.auth.ports import Accounts, KeyRings, OfferedClients, Provers, Revocations, SyncEngine, TeamSettingsStore
from services.auth.renewing import Renewing
from services.auth.revoking import Revoking
from services.auth.settings import Settings
from services.runtime.leases import Leases


@dataclass(frozen=True, slots=True)
class Kept:
    """Where all of it is kept."""

    flows: Flows
    apps: SealedApps
    consents: Consents
    renewals: Leases
    revocations: Revocations


@dataclass(frozen=True, slots=True)
class OAuth:
    apps: OAuthApps
    renewing: Renewing
    revoking: Revoking
    consents: AdminConsents
    connecting: OAuthConnecting


def put_together(
    settings: Settings,
    kept: Kept,
    sign_ins: SignIns,
    page: ConsentPage,
    accounts: Accounts,
    rings: KeyRings,
    provers: Provers,
    offered: OfferedClients,
    team_settings: TeamSettingsStore,
    engine: SyncEngine,
    at_once: asyncio.Semaphore,
    now: Callable[[], datetime],
) -> OAuth:
    apps = OAuthApps(deployment_apps(settings), kept.apps, rings, now)
    patience, page_of = settings.token_patience_seconds, mailbox_page(settings.public_url)
    renewing = Renewing(accounts, rings, apps, sign_ins, kept.renewals, now, patience, page_of)
    pauses = tuple(timedelta(seconds=seconds) for seconds in settings.revocation_pauses)
    revoking = Revoking(
        accounts, renewing, apps, sign_ins, engine, kept.revocations, pauses, now, settings.revocation_seconds
    )
    trips = Trips(kept.flows, rings, apps, sign_ins, settings.public_url, now)
    consents = AdminConsents(kept.consents, team_settings, trips, page, now)
    connecting = OAuthConnecting(
        accounts, rings, provers, offered, trips, renewing, revoking, consents, now, at_once, settings.proof_seconds
    )
    return OAuth(apps, renewing, revoking, consents, connecting)


def deployment_apps(settings: Settings) -> dict[Provider, OAuthApp]:
    """The operator's own apps: those with both an id and a secret."""
    named = (
        OAuthApp(Provider.GOOGLE, settings.google_client_id, settings.google_client_secret),
        OAuthApp(Provider.MICROSOFT, settings.microsoft_client_id, settings.microsoft_client_secret),
    )
    return {app.provider: app for app in named if app.client_id and app.client_secret}
