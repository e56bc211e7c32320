"""inbox_sync's surroundings in a test: its neighbours, a product that listens, and replicas."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import nats
from nats.aio.client import Client as NatsClient
from replywire_contracts.event import Event
from replywire_contracts.nats import Replywire
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.mailbox import MailboxGapRepaired, MailboxStalled, MailboxSynced
from replywire_contracts.v1.rpc import (
    AccountView,
    ConfirmHeld,
    Judge,
    LeaseCredentials,
    ListAccounts,
    ReportRejected,
    VerifyKey,
)
from replywire_contracts.v1.values import Failure

from deploy.embedded.free_ports import free_port
from services.inbox_sync.adapters.indexes import INDEXES
from services.inbox_sync.app import Parts, assemble
from services.inbox_sync.settings import Settings
from services.runtime.app import App
from services.runtime.bus import settled
from services.runtime.mongo import Client, Database, open_client
from services.runtime.provision import create_indexes, provision_bus
from services.runtime.publisher import Publisher
from services.runtime.rpc import Endpoint
from tests.servers.warm import Forked, fork
from tests.services.inbox_sync.neighbours import TEAM, ThinAuth, ThinJudge

KEYS = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
E = TypeVar("E", bound=Event)

QUICK: dict[str, Any] = {
    "mailbox_lease_seconds": 3,
    "mailbox_renew_seconds": 0.5,
    "placement_seconds": 0.1,
    "sweep_seconds": 0.2,
    "retry_first_seconds": 0.05,
    "retry_most_seconds": 0.3,
    "stall_after_seconds": 0.3,
    "safety_poll_seconds": 60,
    "judge_seconds": 2,
}


@dataclass
class World:
    nats_url: str
    mongodb_url: str
    database: str
    nc: NatsClient
    client: Client
    product: Replywire
    auth: ThinAuth = field(default_factory=ThinAuth)
    matching: ThinJudge = field(default_factory=ThinJudge)
    events: list[Event] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    """Settings of every replica besides `QUICK`."""
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _judging: list[Endpoint] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.client[self.database]

    # -- what the other services do ----------------------------------------------------------------------------------

    async def judge_up(self) -> None:
        for kind, handler in ((Judge, self.matching.judge), (ConfirmHeld, self.matching.confirm)):
            endpoint = Endpoint(kind, handler, 8)
            await endpoint.start(self.nc, "reply_matching")
            self._judging.append(endpoint)

    async def judge_down(self) -> None:
        endpoints, self._judging = self._judging, []
        for endpoint in endpoints:
            await endpoint.stop(5)

    async def connect(
        self,
        account_id: str,
        settings: Mapping[str, Any],
        secret: Mapping[str, str],
        *,
        client: str = "smtp_imap",
        address: str = "me@example.com",
        revision: int = 1,
        announce: bool = True,
    ) -> None:
        self.auth.accounts[account_id] = AccountView(
            account_id=account_id,
            team_id=TEAM,
            client=client,
            address=address,
            state="connected",
            revision=revision,
        )
        self.auth.opens[account_id] = (dict(settings), dict(secret))
        if announce:
            await self.publish(AccountConnected(client=client, address=address, **self._about(account_id, revision)))

    async def needs_reauth(self, account_id: str, revision: int) -> None:
        view = self.auth.accounts.get(account_id)
        if view is not None:
            self.auth.accounts[account_id] = view.model_copy(update={"state": "needs_reauth", "revision": revision})
        failure = Failure(reason="refused_login")
        about = self._about(account_id, revision)
        event = AccountNeedsReauth(client="smtp_imap", address="me@example.com", failure=failure, **about)
        await self.publish(event)

    async def disconnect(self, account_id: str, revision: int) -> None:
        view = self.auth.accounts.pop(account_id)
        about = self._about(account_id, revision)
        await self.publish(AccountDisconnected(client=view.client, address=view.address, **about))

    async def publish(self, event: Event) -> None:
        await Publisher(self.nc.jetstream()).publish(event)

    def _about(self, account_id: str, revision: int) -> dict[str, Any]:
        return {
            "id": uuid4().hex,
            "occurred_at": datetime.now(UTC),
            "team_id": TEAM,
            "correlation_id": account_id,
            "account_id": account_id,
            "revision": revision,
        }

    # -- what the product sees ---------------------------------------------------------------------------------------

    async def listen(self, ready: asyncio.Event) -> None:
        kinds: tuple[type[Event], ...] = (InboxMatched, MailboxSynced, MailboxStalled, MailboxGapRepaired)
        subscriptions = [await self.nc.subscribe(f"{kind.kind()}.*") for kind in kinds]
        await settled(self.nc)
        ready.set()

        async def take(subscription: Any, kind: type[Event]) -> None:
            async for message in subscription.messages:
                event: Event = kind.decode(message.data)
                if isinstance(event, InboxMatched) and self.matching.holds_at_once:
                    self.matching.held.add((event.account_id, event.ref))
                async with self._arrived:
                    self.events.append(event)
                    self._arrived.notify_all()

        await asyncio.gather(*(take(s, kind) for s, kind in zip(subscriptions, kinds, strict=True)))

    def seen(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def matched(self, account_id: str | None = None) -> list[InboxMatched]:
        """Each find once, however often it was published."""
        found = {event.id: event for event in self.seen(InboxMatched)}
        return [event for event in found.values() if account_id in (None, event.account_id)]

    async def until(self, true: Callable[[], object], seconds: float = 30) -> None:
        """Until something that events change has come about."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: bool(true()))

    async def until_watching(self, *account_ids: str) -> None:
        """Their first sync is complete."""
        await self.until(
            lambda: set(account_ids) <= {e.account_id for e in self.seen(MailboxSynced) if e.complete},
        )

    # -- replicas ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def replica(self, **settings: Any) -> AsyncIterator[Parts]:
        """One in this process, ready; stopped afterwards as SIGTERM stops it."""
        parts = assemble(Settings.model_validate(self.settings(settings)))
        run = asyncio.create_task(parts.app.run())
        try:
            await _until_ready(parts.app, run)
            yield parts
        finally:
            parts.app.stop()
            await run

    def settings(self, more: Mapping[str, Any]) -> dict[str, Any]:
        given = {
            "nats_url": self.nats_url,
            "mongodb_url": self.mongodb_url,
            "mongodb_database": self.database,
            "http_port": 0,
            "instance_id": f"replica-{uuid4().hex[:8]}",
            "find_keys": KEYS,
        }
        return {**given, **QUICK, **self.extra, **more}

    @asynccontextmanager
    async def process(self, log: Path, failpoints: str = "", **settings: Any) -> AsyncIterator[Forked]:
        """One as a process of its own, to be killed."""
        port = settings.get("http_port") or free_port()
        given = self.settings({"http_port": port, **settings})
        env = {f"REPLYWIRE_{name.upper()}": _text(value) for name, value in given.items()}
        with log.open("ab") as output:
            whole = {**os.environ, **env, "REPLYWIRE_FAILPOINTS": failpoints}
            process = fork("services.inbox_sync", env=whole, out=output, err=output)
        try:
            await _until_answers(f"http://127.0.0.1:{port}/ready", process, log)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
            await asyncio.to_thread(process.wait)


def _text(value: Any) -> str:
    import json

    return json.dumps(value) if isinstance(value, list | tuple) else str(value)


async def _until_ready(app: App, run: asyncio.Task[None]) -> None:
    async with asyncio.timeout(30):
        while await app.health.problems():
            done, _ = await asyncio.wait({run}, timeout=0.02)
            if done:
                run.result()


async def _until_answers(url: str, process: Forked, log: Path) -> None:
    def asked() -> bool:
        try:
            with urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    async with asyncio.timeout(60):
        while not await asyncio.to_thread(asked):
            if process.poll() is not None:
                # A failpoint may have hit already.
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def a_world(nats_url: str, mongodb_url: str, database: str) -> AsyncIterator[World]:
    client = open_client(mongodb_url)
    await create_indexes(client, database, INDEXES)
    nc = await nats.connect(nats_url)
    await provision_bus(nc, stream_max_bytes=64 * 2**20)
    world = World(nats_url, mongodb_url, database, nc, client, await Replywire.connect(nats_url))
    endpoints = [
        Endpoint(LeaseCredentials, world.auth.lease, 64),
        Endpoint(ReportRejected, world.auth.report, 64),
        Endpoint(ListAccounts, world.auth.page, 64),
        Endpoint(VerifyKey, world.auth.verify, 64),
    ]
    for endpoint in endpoints:
        await endpoint.start(nc, "auth")
    await world.judge_up()
    listening = asyncio.Event()
    listener = asyncio.create_task(world.listen(listening))
    try:
        await listening.wait()
        yield world
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await world.judge_down()
        for endpoint in endpoints:
            await endpoint.stop(5)
        await world.product.connection.close()
        await nc.close()
        client.close()
