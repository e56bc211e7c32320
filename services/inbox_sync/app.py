"""inbox_sync's wiring: which adapter stands behind which port, and which handler behind which event."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import cached_property

from replywire_contracts.streams import CONSUMERS
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.engine import EngineCloseAccount, EngineKey, EngineOpenAccount
from replywire_contracts.v1.rpc import MailboxStatus

from services.inbox_sync import external_http
from services.inbox_sync.adapters.auth import RpcAuth
from services.inbox_sync.adapters.bus import EventBus
from services.inbox_sync.adapters.engine_accounts import MongoEngineAccounts, engine_ring
from services.inbox_sync.adapters.find_rows import FindRows
from services.inbox_sync.adapters.finds import MongoFinds
from services.inbox_sync.adapters.judge import RpcJudge
from services.inbox_sync.adapters.ledger import MongoLedger
from services.inbox_sync.adapters.mailboxes import MongoMailboxes
from services.inbox_sync.adapters.poison import MongoPoison
from services.inbox_sync.adapters.replicas import MongoReplicas
from services.inbox_sync.adapters.seal import FindSeal
from services.inbox_sync.domain.mailboxes import Fence
from services.inbox_sync.engine.closing import Closing
from services.inbox_sync.engine.gates import Gates
from services.inbox_sync.engine.healing import Accounts
from services.inbox_sync.engine.holding import Holder
from services.inbox_sync.engine.reader import Ending, Reader
from services.inbox_sync.engine.reported import Reported
from services.inbox_sync.engine.sweeping import Sweeper
from services.inbox_sync.engine.tools import Tools
from services.inbox_sync.engine_door import EngineDoor
from services.inbox_sync.engine_keeping import EngineKeeping
from services.inbox_sync.external_bus import serve_external
from services.inbox_sync.handlers import AccountHandlers
from services.inbox_sync.http import routes
from services.inbox_sync.settings import Settings
from services.inbox_sync.status import StatusHandler
from services.providers import registry
from services.providers.protocols import Connect, Sync
from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.credentials import CredentialsCache
from services.runtime.deliveries import Handler
from services.runtime.group_commit import GroupCommit
from services.runtime.leases import Leases
from services.runtime.owed import OwedEvents
from services.runtime.rpc import serve

_BULK_AT_ONCE = 6

[ACCOUNTS] = [consumer for consumer in CONSUMERS if consumer.service == "inbox_sync"]


def now() -> datetime:
    """To the millisecond, as the database keeps it."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Parts:
    """Everything one process is made of. Each part is made when first asked for: many need the bus to be there."""

    def __init__(self, app: App, settings: Settings) -> None:
        """Raises `ValueError` without a key for finds: then there is no start."""
        self.app = app
        self.settings = settings
        kept_for = timedelta(days=settings.find_days)
        self.rows = FindRows(FindSeal(settings.find_keys.get_secret_value()), kept_for)
        self.ring = engine_ring(settings.find_keys.get_secret_value())
        self.engine_accounts = MongoEngineAccounts(app.db)
        self.connects: dict[str, Connect | None] = {}
        self.closing = Closing()
        self.writes = GroupCommit(app.db["mailboxes"])

    @cached_property
    def owed(self) -> OwedEvents:
        return OwedEvents(self.app.db["mailboxes"], self.app.publisher, self.writes)

    @cached_property
    def mailboxes(self) -> MongoMailboxes:
        return MongoMailboxes(self.app.db, self.writes, self.owed)

    @cached_property
    def ledger(self) -> MongoLedger:
        return MongoLedger(self.app.client, self.app.db, self.rows, self.owed)

    @cached_property
    def judge(self) -> RpcJudge:
        return RpcJudge(self.app.rpc, self.settings.judge_seconds)

    @cached_property
    def auth(self) -> RpcAuth:
        return RpcAuth(self.app.rpc, CredentialsCache(self.app.rpc))

    @cached_property
    def bus(self) -> EventBus:
        return EventBus(self.app.publisher, self.app.bodies)

    @cached_property
    def tools(self) -> Tools:
        syncs: dict[str, Sync] = {}

        def sync_of(client: str) -> Sync:
            if client not in syncs:
                make = registry.client(client).sync
                if make is None:
                    raise LookupError(f"the e-mail client {client!r} has no inbox to read")
                syncs[client] = make(self.settings.connect_policy)
            return syncs[client]

        return Tools(
            mailboxes=self.mailboxes,
            ledger=self.ledger,
            poison=MongoPoison(self.app.db),
            judge=self.judge,
            auth=self.auth,
            bus=self.bus,
            syncs=sync_of,
            gates=Gates(self.settings.connections_at_once, self.settings.connections_per_second),
            closing=self.closing,
            bulk=asyncio.Semaphore(_BULK_AT_ONCE),
            now=now,
            draw=random.random,
            rules=self.settings.rules,
            me=self.settings.instance_id,
        )

    @cached_property
    def holder(self) -> Holder:
        me, ttl = self.settings.instance_id, timedelta(seconds=self.settings.mailbox_lease_seconds)

        async def read(fence: Fence) -> Ending:
            return await Reader(self.tools, fence).run()

        return Holder(
            self.mailboxes,
            Leases(self.app.db["leases"], me, ttl),
            MongoReplicas(self.app.db, me, ttl),
            read,
            _has_inbox,
            me,
            renew_every=timedelta(seconds=self.settings.mailbox_renew_seconds),
            look_every=timedelta(seconds=self.settings.placement_seconds),
        )

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.mailboxes, self.ledger, self.auth, _has_inbox, self.holder.nudge)

    @cached_property
    def handlers(self) -> AccountHandlers:
        return AccountHandlers(self.accounts, self.engine_keeping)

    @cached_property
    def engine_keeping(self) -> EngineKeeping:
        return EngineKeeping(self.engine_accounts, self.auth, _is_held_here, self.ring, now)

    @cached_property
    def engine_door(self) -> EngineDoor:
        at_once = asyncio.Semaphore(self.settings.proofs_at_once)
        unclaimed_for = timedelta(seconds=self.settings.unclaimed_seconds)
        return EngineDoor(self.engine_accounts, self.held_client, self.ring, now, at_once, unclaimed_for)

    def held_client(self, client: str) -> Connect | None:
        """How an e-mail client proves a mailbox, where this engine holds its credentials."""
        if client not in self.connects:
            make = registry.client(client).connect if _is_held_here(client) else None
            self.connects[client] = None if make is None else make(self.settings.connect_policy)
        return self.connects[client]

    @cached_property
    def finds(self) -> MongoFinds:
        return MongoFinds(self.app.db, self.rows)

    @cached_property
    def sweeper(self) -> Sweeper:
        every = timedelta(seconds=self.settings.sweep_seconds)
        return Sweeper(self.finds, self.judge, self.bus, now, every)

    @cached_property
    def reported(self) -> Reported:
        return Reported(self.judge, self.finds, self.bus, now, self.settings.fetch_limit)

    @cached_property
    def external_accounts(self) -> external_http.Accounts:
        return external_http.Accounts(self.auth.account, _is_handed_out)


def build(settings: Settings) -> App:
    """Raises `ValueError` without a key for finds: then there is no start."""
    return assemble(settings).app


def assemble(settings: Settings) -> Parts:
    """The app with its parts in sight."""
    app = App(settings)
    parts = Parts(app, settings)

    handlers: dict[str, Handler] = {
        AccountConnected.kind(): lambda event: parts.handlers.on_account_connected(event),
        AccountNeedsReauth.kind(): lambda event: parts.handlers.on_account_needs_reauth(event),
        AccountDisconnected.kind(): lambda event: parts.handlers.on_account_disconnected(event),
    }
    consume(app, ACCOUNTS, handlers, concurrency=16)
    serve(app, MailboxStatus)(StatusHandler(lambda: parts.mailboxes).mailbox_status)
    serve(app, EngineKey)(lambda request: parts.engine_door.key(request))
    serve(app, EngineOpenAccount)(lambda request: parts.engine_door.open(request))
    serve(app, EngineCloseAccount)(lambda request: parts.engine_door.close(request))
    app.http.include_router(routes(lambda: parts.mailboxes, lambda: parts.holder.nudge, now))

    app.http.include_router(external_http.routes(lambda: parts.reported, lambda: parts.external_accounts))
    serve_external(app, lambda: parts.reported, lambda: parts.external_accounts)

    app.task(lambda: parts.holder.run(), name="hold mailboxes")
    app.task(lambda: parts.sweeper.run(), name="see finds to their end")
    app.task(lambda: parts.owed.run_sweeper(), name="sweep owed mailbox events")
    heal_every = timedelta(seconds=settings.heal_seconds)
    app.task(lambda: parts.accounts.keep_healing(heal_every, now), name="learn the mailboxes from auth")
    app.task(
        lambda: parts.engine_keeping.run(timedelta(seconds=settings.sweep_seconds), heal_every),
        name="keep engine accounts",
    )
    app.on_stop(parts.writes.close)
    app.on_stop(parts.closing.drain)
    return parts


def _is_held_here(client: str) -> bool:
    try:
        return registry.client(client).capabilities.engine
    except LookupError:
        return False


def _is_handed_out(client: str) -> bool:
    try:
        return registry.client(client).capabilities.handed_out
    except LookupError:
        return False


def _has_inbox(client: str) -> bool:
    try:
        return registry.client(client).sync is not None
    except LookupError:
        return False
