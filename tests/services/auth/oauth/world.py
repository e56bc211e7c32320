"""auth with Google's and Microsoft's doubles, Gmail's mail servers, and people who walk through the pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from replywire_contracts.v1.rpc import AccountPage, ListAccounts

from services.auth.adapters.accounts import MongoAccounts
from services.auth.adapters.consents import MongoConsents
from services.auth.adapters.documents import box_fields
from services.auth.adapters.external_setup import RpcExternalSetup
from services.auth.adapters.key_ring_file import KeyRingFile
from services.auth.adapters.oauth_apps import MongoOAuthApps
from services.auth.adapters.oauth_flows import MongoFlows
from services.auth.adapters.revocations import MongoRevocations
from services.auth.adapters.sign_ins import ProviderSignIns
from services.auth.adapters.sync_engine import RpcSyncEngine
from services.auth.adapters.team_settings import MongoTeamSettings
from services.auth.app import build, now
from services.auth.connecting import Who
from services.auth.domain.account import Account
from services.auth.domain.audit import Actor
from services.auth.domain.links import Purpose, Role
from services.auth.domain.tokens import Tokens, read_tokens
from services.auth.domain.visitor import Visitor
from services.auth.oauth import Kept, OAuth, put_together
from services.auth.settings import Settings
from services.auth.team_settings import TeamSettingsChanges
from services.providers import registry
from services.providers.protocols import Connect
from services.runtime.app import App
from services.runtime.credentials import CredentialsCache
from services.runtime.envelopes import open_box, seal
from services.runtime.owed import OwedEvents
from tests.servers.entra import Entra
from tests.servers.gmail import Gmail
from tests.servers.google_oidc import GoogleOidc
from tests.services.auth.conftest import TEAM, Auth

ADMIN = Visitor("session-of-admin", TEAM, "boss", Role.ADMIN, Purpose.SETTINGS, None, "https://app.example.com/")
MEMBER = Visitor("session-of-ada", TEAM, "ada", Role.MEMBER, Purpose.CONNECT, None, "https://app.example.com/")


def reconnecting(account_id: str, visitor: Visitor = MEMBER) -> Visitor:
    return replace(visitor, purpose=Purpose.RECONNECT, account_id=account_id)


@dataclass
class OAuthWorld:
    """One auth and its people. `oauth` is what the pages call."""

    auth: Auth
    google: GoogleOidc
    entra: Entra
    oauth: OAuth
    settings_of_team: TeamSettingsChanges
    rings: KeyRingFile

    async def begin_anew(self) -> None:
        await self.google.heal()
        await self.google.reset_counts()
        self.entra.heal()
        for name in await self.app.db.list_collection_names():
            await self.app.db[name].delete_many({})
        while not self.auth.events.empty():
            self.auth.events.get_nowait()

    @property
    def app(self) -> App:
        return self.auth.app

    async def connect_google(
        self, email: str = "ada@example.com", visitor: Visitor = MEMBER, **asked: Any
    ) -> tuple[Account, bool]:
        address = await self.oauth.connecting.begin(visitor, "gmail", **asked)
        return await self.oauth.connecting.finish(visitor, "google", await self.google.sign_in(address, email))

    async def connect_microsoft(self, upn: str, visitor: Visitor = MEMBER, **asked: Any) -> tuple[Account, bool]:
        address = await self.oauth.connecting.begin(visitor, "microsoft365", **asked)
        return await self.oauth.connecting.finish(visitor, "microsoft", await self.entra.visit(address, upn))

    async def account(self, account_id: str) -> Account:
        found = await self.accounts.by_id(account_id)
        assert found is not None
        return found

    @property
    def accounts(self) -> MongoAccounts:
        return accounts_of(self.app)

    async def tokens(self, account_id: str) -> Tokens:
        account = await self.account(account_id)
        assert account.box is not None
        tokens = read_tokens(open_box(self.rings.ring(), account.owner, account.box))
        assert tokens is not None
        return tokens

    async def age(self, account_id: str, by: timedelta) -> None:
        """As if its access token had been made so much earlier; the provider is not asked."""
        account, tokens = await self.account(account_id), await self.tokens(account_id)
        older = replace(tokens, made_at=tokens.made_at - by, expires_at=tokens.expires_at - by)
        box = seal(self.rings.ring(), account.owner, older.sealable())
        await self.app.db["accounts"].update_one({"_id": account_id}, {"$set": {"box": box_fields(box)}})

    async def lease(self, account_id: str, refused: int | None = None) -> tuple[str, int]:
        """As a service does that holds nothing yet: the access token and its revision."""
        leased, revision = await CredentialsCache(self.auth.rpc).lease(account_id, refresh_rejected=refused)
        assert set(leased.secret) == {"access_token"}
        return leased.secret["access_token"], revision

    @contextlib.asynccontextmanager
    async def silent(self) -> AsyncIterator[None]:
        """Other replicas alone answer."""
        for endpoint in self.app.endpoints:
            await endpoint.stop(5)
        try:
            yield
        finally:
            for endpoint in self.app.endpoints:
                await endpoint.start(self.app.nc, self.app.settings.service)

    async def state(self, account_id: str) -> str:
        page: AccountPage = await self.auth.rpc.call(ListAccounts(account_ids=(account_id,)))
        return page.accounts[0].state

    async def audit(self, action: str, team: str = TEAM) -> list[Mapping[str, Any]]:
        found = self.app.db["audit"].find({"team_id": team, "action": action}).sort("_id", 1)
        return [record async for record in found]

    async def leftovers(self) -> list[str]:
        """Collections that hold something of a sign-in which came to nothing."""
        return [name for name in ("accounts", "oauth_flows") if await self.app.db[name].count_documents({})]

    async def require_consent(self, required: bool = True) -> None:
        who = Who(TEAM, Actor.person("boss"))
        await self.settings_of_team.change(who, consent_required=required)


def accounts_of(app: App) -> MongoAccounts:
    return MongoAccounts(app.client, app.db, lambda: OwedEvents(app.db["accounts"], app.publisher))


def wired(app: App, settings: Settings) -> tuple[OAuth, TeamSettingsChanges, KeyRingFile]:
    """What `app.build` wires behind the pages, once more over the same app."""
    rings, store = KeyRingFile(settings.key_ring), MongoTeamSettings(app.client, app.db)
    team = TeamSettingsChanges(store, RpcExternalSetup(lambda: app.rpc), settings.offered_clients, now)

    def prover(client: str) -> Connect:
        make = registry.client(client).connect
        assert make is not None
        return make(settings.connect_policy)

    sign_ins = ProviderSignIns(settings, now)
    renewals = app.leases("token_renewals", timedelta(seconds=settings.renewal_lease_seconds))
    apps, consents = MongoOAuthApps(app.client, app.db), MongoConsents(app.client, app.db)
    kept = Kept(MongoFlows(app.db), apps, consents, renewals, MongoRevocations(app.client, app.db))
    accounts, at_once = accounts_of(app), asyncio.Semaphore(8)
    engine = RpcSyncEngine(lambda: app.rpc)
    oauth = put_together(settings, kept, sign_ins, sign_ins, accounts, rings, prover, team, store, engine, at_once, now)
    app.on_stop(sign_ins.close)
    return oauth, team, rings


@contextlib.asynccontextmanager
async def replica(settings: Settings) -> AsyncIterator[App]:
    """One more process of auth, as far as the database and the bus can tell."""
    app = build(settings.model_copy(update={"instance_id": "second-replica"}))
    started = asyncio.Event()

    async def note() -> None:
        started.set()

    app.task(note)
    run = asyncio.create_task(app.run())
    try:
        async with asyncio.timeout(30):
            await started.wait()
        yield app
    finally:
        app.stop()
        await run


def environment_of(settings: Settings) -> dict[str, str]:
    """What a process of its own must be told besides `processes.environment`."""
    return {
        "REPLYWIRE_OFFERED_CLIENTS": json.dumps(settings.offered_clients),
        "REPLYWIRE_PROVIDER_HOSTS": json.dumps(settings.provider_hosts),
        "REPLYWIRE_GOOGLE_ISSUER": settings.google_issuer,
        "REPLYWIRE_GOOGLE_CLIENT_ID": settings.google_client_id,
        "REPLYWIRE_GOOGLE_CLIENT_SECRET": settings.google_client_secret,
        "REPLYWIRE_MICROSOFT_AUTHORITY": settings.microsoft_authority,
        "REPLYWIRE_MICROSOFT_CLIENT_ID": settings.microsoft_client_id,
        "REPLYWIRE_MICROSOFT_CLIENT_SECRET": settings.microsoft_client_secret,
        "REPLYWIRE_RENEWAL_LEASE_SECONDS": str(settings.renewal_lease_seconds),
    }


def settings_for(given: Settings, google: GoogleOidc, entra: Entra, gmail: Gmail, ca_file: Path) -> Settings:
    return given.model_copy(
        update={
            "offered_clients": ("gmail", "microsoft365", "smtp_imap"),
            "provider_hosts": {**gmail.hosts(), "microsoft365": {"graph": entra.url}},
            "extra_ports": (*given.extra_ports, *gmail.ports),
            "ca_file": ca_file,
            "google_issuer": google.issuer,
            "google_client_id": google.client_id,
            "google_client_secret": google.client_secret,
            "microsoft_authority": entra.url,
            "microsoft_client_id": entra.client_id,
            "microsoft_client_secret": entra.client_secret,
            "renewal_lease_seconds": 2,
        }
    )
