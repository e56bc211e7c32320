"""send in this process, on a real bus and a real database, between thin stand-ins for auth and reply_matching."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import nats
from nats.aio.client import Client as NatsClient
from replywire_contracts.nats import Replywire
from replywire_contracts.v1 import rpc
from replywire_contracts.v1 import send as sends
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Address, Body

from services.providers.memory import WORLD
from services.runtime.app import App
from services.runtime.credentials import seal_secret
from services.runtime.mongo import Database, open_client
from services.runtime.provision import create_indexes, provision_bus
from services.runtime.publisher import Publisher
from services.runtime.rpc import Endpoint, Refusal
from services.send.adapters.indexes import INDEXES
from services.send.app import build
from services.send.settings import Settings
from tests.flows.world import Heard

TEAM, OTHER_TEAM = "acme", "globex"
ADA, GRACE, LIN = "ada@example.com", "grace@example.org", "lin@example.net"
SECRET = "secret"
SCOPES = ("messages:read", "messages:write", "settings:read", "settings:write", "external:work")
KEY, OTHER_KEY = "rw_key_of_acme", "rw_key_of_globex"
_AccountKind = AccountConnected | AccountDisconnected | AccountNeedsReauth
QUICK: dict[str, Any] = {
    "backoff_seconds": (0.2,),
    "patience_seconds": 60.0,
    "settle_seconds": 0.1,
    "poll_seconds": 0.2,
    "linger_seconds": 0.1,
    "sweep_seconds": 0.2,
    "copy_backoff_seconds": (0.1,),
    "copy_attempts": 3,
    "graceful_timeout": 5,
}


def forget_all() -> None:
    """The memory client's world is one for the process: each test starts with an empty one."""
    fresh = type(WORLD)()
    for name in fresh.__dataclass_fields__:
        setattr(WORLD, name, getattr(fresh, name))


@dataclass
class Neighbours:
    """auth and reply_matching, as far as send asks them."""

    accounts: dict[str, rpc.AccountView] = field(default_factory=dict)
    registered: dict[str, rpc.TrackedMessage] = field(default_factory=dict)
    added: dict[str, rpc.AddedIdentities] = field(default_factory=dict)
    handed_over_before: dict[str, bool] = field(default_factory=dict)
    """By request: whether its mail was in the ledger when it was registered."""
    rejected: list[rpc.ReportRejected] = field(default_factory=list)
    keys: dict[str, list[rpc.KeyInfo]] = field(default_factory=dict)
    """By team: those that may take messages."""
    away: set[type[Any]] = field(default_factory=set)
    breaks_over: set[str] = field(default_factory=set)
    """Requests over which reply_matching fails by a fault of its own."""
    endpoints: list[Endpoint] = field(default_factory=list)

    async def start(self, connection: NatsClient) -> None:
        for request, handler, service in (
            (rpc.LeaseCredentials, self.lease, "auth"),
            (rpc.ReportRejected, self.report, "auth"),
            (rpc.ListAccounts, self.list, "auth"),
            (rpc.VerifyKey, self.verify, "auth"),
            (rpc.ListKeys, self.keys_of, "auth"),
            (rpc.Register, self.register, "reply_matching"),
            (rpc.AddIdentities, self.add, "reply_matching"),
        ):
            endpoint = Endpoint(request, handler, 64)
            await endpoint.start(connection, service)
            self.endpoints.append(endpoint)

    def _present(self, request: Any) -> None:
        if type(request) in self.away:
            raise Refusal("unavailable", "away for this test")

    async def lease(self, request: rpc.LeaseCredentials) -> rpc.LeasedCredentials:
        self._present(request)
        view = self.accounts.get(request.account_id)
        if view is None or view.state != "connected":
            raise Refusal("unknown_account" if view is None else view.state, "not now")
        return rpc.LeasedCredentials(
            account_id=view.account_id,
            team_id=view.team_id,
            client=view.client,
            address=view.address,
            settings={},
            revision=view.revision,
            sealed_secret=seal_secret(request.reply_key, view.account_id, {"password": SECRET}),
            expires_at=datetime.now(UTC) + timedelta(minutes=5),
        )

    async def report(self, request: rpc.ReportRejected) -> rpc.Ack:
        self.rejected.append(request)
        return rpc.Ack()

    async def list(self, request: rpc.ListAccounts) -> rpc.AccountPage:
        wanted = request.account_ids or tuple(self.accounts)
        return rpc.AccountPage(accounts=tuple(self.accounts[each] for each in wanted if each in self.accounts))

    async def verify(self, request: rpc.VerifyKey) -> rpc.KeyHolder:
        for key, team in ((KEY, TEAM), (OTHER_KEY, OTHER_TEAM)):
            if hashlib.sha256(key.encode()).hexdigest() == request.key_hash:
                return rpc.KeyHolder(key_id=f"key-{team}", team_id=team, scopes=SCOPES)
        raise Refusal("unknown_key", "no")

    async def keys_of(self, request: rpc.ListKeys) -> rpc.KeyList:
        return rpc.KeyList(keys=tuple(self.keys.get(request.team_id, ())))

    async def register(self, request: rpc.Register) -> rpc.Ack:
        self._present(request)
        if self.breaks_over & {message.request_id for message in request.messages}:
            raise OverflowError("an integer of nine octets")
        ledger = {outgoing.message_id for outgoing in WORLD.ledger}
        for message in request.messages:
            self.registered[message.request_id] = message
            self.handed_over_before.setdefault(
                message.request_id, bool(ledger.intersection(message.identities.message_ids))
            )
        return rpc.Ack()

    async def add(self, request: rpc.AddIdentities) -> rpc.Ack:
        self._present(request)
        self.added.update({each.request_id: each for each in request.messages})
        return rpc.Ack()


@dataclass
class World:
    settings: Settings
    product: Replywire
    publisher: Publisher
    neighbours: Neighbours
    database: Database
    heard: Heard = field(default_factory=Heard)
    apps: list[App] = field(default_factory=list)

    async def connect(self, address: str = ADA, account_id: str = "", revision: int = 1, team: str = TEAM) -> str:
        account = account_id or address.partition("@")[0]
        if address not in WORLD.accounts:
            WORLD.add_account(address, SECRET)
        self.neighbours.accounts[account] = rpc.AccountView(
            account_id=account, team_id=team, client="memory", address=address, state="connected", revision=revision
        )
        await self.tell(AccountConnected, account)
        return account

    async def tell(self, kind: type[_AccountKind], account: str, **more: Any) -> None:
        """Publish auth's event about the account as it is in the stand-in."""
        view = self.neighbours.accounts[account]
        event = kind(  # the three have the same fields but one
            id=f"{kind.kind()}-{account}-{view.revision}",
            occurred_at=datetime.now(UTC),
            correlation_id=account,
            team_id=view.team_id,
            account_id=account,
            client=view.client,
            address=view.address,
            revision=view.revision,
            **more,
        )
        await self.publisher.publish(event)

    async def change(self, account: str, state: str) -> None:
        view = self.neighbours.accounts[account]
        changed = view.model_copy(update={"state": state, "revision": view.revision + 1})
        self.neighbours.accounts[account] = changed

    async def disconnect(self, account: str) -> None:
        await self.change(account, "disconnected")
        await self.tell(AccountDisconnected, account)

    async def send(self, account: str, request_id: str, **changes: Any) -> SendRequested:
        fields: dict[str, Any] = {
            "to": (Address(email=GRACE),),
            "subject": "Lunch on Friday?",
            "text": Body(text="Would you join us?\n"),
            "metadata": {"request": request_id},
        }
        request = SendRequested(team_id=TEAM, request_id=request_id, account_id=account, **(fields | changes))
        await self.product.publish(request)
        return request

    def api(self, key: str = KEY, app: int = 0) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{self.apps[app].server.port}"
        return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)

    async def message(self, request_id: str) -> dict[str, Any]:
        async with self.api() as api:
            answer = await api.get(f"/v1/messages/{request_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, request_id: str, **wanted: Any) -> dict[str, Any]:
        """The message once these of its fields are so."""
        async with asyncio.timeout(30):
            await self.heard.wait(sends.SendAccepted, request_id=request_id)
            while True:
                found = await self.message(request_id)
                if all(found.get(name) == value for name, value in wanted.items()):
                    return found
                await asyncio.sleep(0.02)  # the API has no push

    @contextlib.asynccontextmanager
    async def replica(self, **changes: Any) -> AsyncIterator[App]:
        """One more process' worth of send."""
        app = build(self.settings.model_copy(update={"instance_id": f"replica-{len(self.apps)}", **changes}))
        started = asyncio.Event()

        async def note_start() -> None:
            started.set()

        app.task(note_start)
        run = asyncio.create_task(app.run())
        try:
            async with asyncio.timeout(30):
                await started.wait()
            self.apps.append(app)
            yield app
        finally:
            app.stop()
            await run


def times_sent() -> dict[str, int]:
    """By Message-ID: how often it is in the provider's ledger."""
    times: dict[str, int] = defaultdict(int)
    for outgoing in WORLD.ledger:
        times[outgoing.message_id] += 1
    return dict(times)


_KINDS = (
    sends.SendAccepted,
    sends.SendSent,
    sends.SendDeferred,
    sends.SendFailed,
    sends.SendUnconfirmed,
    sends.SendCancelled,
)


@contextlib.asynccontextmanager
async def a_world(nats_url: str, mongodb_url: str, database: str, **changes: Any) -> AsyncIterator[World]:
    """Without a replica yet: `async with world.replica():`."""
    forget_all()
    settings = Settings(
        nats_url=nats_url, mongodb_url=mongodb_url, mongodb_database=database, http_port=0, **(QUICK | changes)
    )
    connection = await nats.connect(nats_url)
    await provision_bus(connection, stream_max_bytes=64 * 2**20)
    client = open_client(mongodb_url)
    await create_indexes(client, database, INDEXES)
    neighbours = Neighbours()
    await neighbours.start(connection)
    product = await Replywire.connect(nats_url)
    world = World(settings, product, Publisher(connection.jetstream()), neighbours, client[database])
    async with product.subscribe(*_KINDS, durable="test-send") as events:

        async def hear() -> None:
            async for event in events:
                await world.heard.add(event)

        listener = asyncio.create_task(hear())
        try:
            yield world
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            for endpoint in neighbours.endpoints:
                await endpoint.stop(2.0)
            client.close()
    await product.connection.close()
    await connection.close()
