"""auth's wiring: which adapter stands behind which port, and where each request goes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache

from replywire_contracts.v1.rpc import LeaseCredentials, ListAccounts, ListKeys, ReportRejected, VerifyKey

from services.auth import http, http_external, http_links, http_settings
from services.auth.adapters.accounts import MongoAccounts
from services.auth.adapters.api_keys import MongoApiKeys
from services.auth.adapters.audit import MongoAuditLog
from services.auth.adapters.consents import MongoConsents
from services.auth.adapters.external_setup import RpcExternalSetup
from services.auth.adapters.key_ring_file import KeyRingFile
from services.auth.adapters.mail_records import MailRecords
from services.auth.adapters.mailbox_reading import RpcMailboxReading, RpcMailboxSending, Watching
from services.auth.adapters.oauth_apps import MongoOAuthApps
from services.auth.adapters.oauth_flows import MongoFlows
from services.auth.adapters.page_sessions import MongoPageSessions
from services.auth.adapters.revocations import MongoRevocations
from services.auth.adapters.sign_ins import ProviderSignIns
from services.auth.adapters.sync_engine import RpcSyncEngine
from services.auth.adapters.team_settings import MongoTeamSettings
from services.auth.connecting import Connecting
from services.auth.discovering import Discovering
from services.auth.handlers import Handlers
from services.auth.keys import Keys
from services.auth.links import Links, mailbox_page
from services.auth.logins import Logins
from services.auth.oauth import Kept, put_together
from services.auth.pages import install as pages
from services.auth.pages.parts import Parts
from services.auth.pages.rendering import Rendering
from services.auth.pages.visits import Visits
from services.auth.settings import Settings
from services.auth.team_settings import TeamSettingsChanges
from services.providers import registry
from services.providers.protocols import Connect
from services.runtime.api_keys import Keys as KnownKeys
from services.runtime.app import App
from services.runtime.owed import OwedEvents
from services.runtime.rpc import serve


def now() -> datetime:
    """To the millisecond, as the database keeps it: what is read back must equal what was written."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def build(settings: Settings) -> App:
    """Raises `KeyRingInvalid`: without a key ring there is no start."""
    rings = KeyRingFile(settings.key_ring)
    app = App(settings)

    @cache
    def owed() -> OwedEvents:
        return OwedEvents(app.db["accounts"], app.publisher)

    @cache
    def prover(client: str) -> Connect:
        connect = registry.client(client).connect
        assert connect is not None, f"{client} is offered but proves nothing"
        return connect(settings.connect_policy)

    accounts = MongoAccounts(app.client, app.db, owed)
    api_keys = MongoApiKeys(app.client, app.db)
    settings_store = MongoTeamSettings(app.client, app.db)
    external = RpcExternalSetup(lambda: app.rpc)
    engine = RpcSyncEngine(lambda: app.rpc)
    team_settings = TeamSettingsChanges(settings_store, external, settings.offered_clients, now)
    at_once = asyncio.Semaphore(settings.proofs_at_once)
    sign_ins = ProviderSignIns(settings, now)
    renewals = app.leases("token_renewals", timedelta(seconds=settings.renewal_lease_seconds))
    apps, consents = MongoOAuthApps(app.client, app.db), MongoConsents(app.client, app.db)
    kept = Kept(MongoFlows(app.db), apps, consents, renewals, MongoRevocations(app.client, app.db))
    oauth = put_together(
        settings, kept, sign_ins, sign_ins, accounts, rings, prover, team_settings, settings_store, engine, at_once, now
    )
    app.on_stopping(oauth.renewing.settle)
    app.on_stop(sign_ins.close)
    renewing = oauth.renewing
    handlers = Handlers(
        accounts, api_keys, rings, settings_store, now, settings.lease_for, renewing, mailbox_page(settings.public_url)
    )
    serve(app, LeaseCredentials)(handlers.lease_credentials)
    serve(app, ReportRejected)(handlers.report_rejected)
    serve(app, ListAccounts)(handlers.list_accounts)
    serve(app, VerifyKey)(handlers.verify_key)
    serve(app, ListKeys)(handlers.list_keys)

    connecting = Connecting(
        accounts=accounts,
        rings=rings,
        logins=Logins(prover, engine, _is_held_by_engine, at_once, settings.proof_seconds),
        revoking=oauth.revoking,
        offered=team_settings,
        now=now,
    )
    audit = MongoAuditLog(app.db)
    keys = Keys(api_keys, now, KnownKeys.of(app.http.state).changed)
    http.install(app.http, connecting, accounts, keys, api_keys, audit)
    sessions = MongoPageSessions(app.client, app.db)
    links = Links(accounts, rings, sessions, settings.public_url, now)
    app.http.include_router(http_links.routes(links))
    app.http.include_router(http_settings.routes(team_settings))
    app.http.include_router(http_external.routes(connecting))

    rendering = Rendering(settings.public_url)
    watching = Watching()
    parts = Parts(
        rendering=rendering,
        visits=Visits(sessions, rendering, now),
        links=links,
        accounts=accounts,
        connecting=connecting,
        oauth=oauth.connecting,
        oauth_apps=oauth.apps,
        consents=oauth.consents,
        discovering=Discovering(MailRecords(settings.dns_servers), asyncio.Semaphore(settings.proofs_at_once)),
        team_settings=team_settings,
        audit=audit,
        external=external,
        keys=keys,
        api_keys=api_keys,
        reading=RpcMailboxReading(lambda: app.rpc),
        sending=RpcMailboxSending(lambda: app.rpc),
        watching=watching,
        reads=_reads,
        sends=_sends,
        connects=_connects,
        now=now,
    )
    pages.install(app.http, parts)
    app.on_start(lambda: watching.listen(app.nc))
    app.on_stopping(watching.end)

    async def sweep() -> None:
        await owed().run_sweeper()

    async def take_grants_back() -> None:
        while True:
            await oauth.revoking.try_again()
            await asyncio.sleep(settings.revocation_sweep_seconds)

    app.task(sweep, name="sweep owed account events")
    app.task(take_grants_back, name="take grants back that a provider has not yet")
    return app


def _reads(client: str) -> bool:
    return client in registry.names() and registry.client(client).sync is not None


def _sends(client: str) -> bool:
    if client not in registry.names():
        return False
    record = registry.client(client)
    return record.send is not None or record.capabilities.handed_out


def _is_held_by_engine(client: str) -> bool:
    return client in registry.names() and registry.client(client).capabilities.engine


def _connects(client: str) -> bool:
    return client in registry.names() and registry.client(client).connect is not None
