"""Four real services between a real IMAP server and a real SMTP sink: the world most flows and faults happen in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

from replywire_contracts.event import Event
from replywire_contracts.nats import Replywire
from replywire_contracts.v1 import reply as replies
from replywire_contracts.v1 import send as sends
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Address, Body

from tests.servers import stack as stacks
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.smtp_sink import SmtpSink
from tests.servers.stack import TEAM, RunningStack

E = TypeVar("E", bound=Event)
ADA, GRACE = "ada@example.com", "grace@example.org"
QUICK = {
    "inbox_sync": {
        "REPLYWIRE_MAILBOX_LEASE_SECONDS": "4",
        "REPLYWIRE_MAILBOX_RENEW_SECONDS": "1",
        "REPLYWIRE_PLACEMENT_SECONDS": "0.3",
        "REPLYWIRE_SWEEP_SECONDS": "1",
        "REPLYWIRE_RETRY_FIRST_SECONDS": "0.2",
        "REPLYWIRE_RETRY_MOST_SECONDS": "2",
    },
    "send": {
        "REPLYWIRE_MAILBOX_LEASE_SECONDS": "3",
        "REPLYWIRE_SETTLE_SECONDS": "1",
        "REPLYWIRE_HEAL_SECONDS": "2",
        "REPLYWIRE_SWEEP_SECONDS": "1",
        "REPLYWIRE_COPY_BACKOFF_SECONDS": "[1]",
        "REPLYWIRE_COPY_HOLD_SECONDS": "5",
    },
}
"""Timers short enough for tests; the protocols are the same."""


@dataclass
class Heard:
    """Every event a product was told, in order: duplicates are kept, for the checker counts them."""

    events: list[Event] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add(self, event: Event) -> None:
        async with self.news:
            self.events.append(event)
            self.news.notify_all()

    def of(self, kind: type[E], **wanted: Any) -> list[E]:
        return [
            event
            for event in self.events
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items())
        ]

    async def wait(self, kind: type[E], *, count: int = 1, timeout: float = 60, **wanted: Any) -> list[E]:
        """At least `count` different events of the kind with these facts."""
        async with asyncio.timeout(timeout), self.news:
            while True:
                found = self.of(kind, **wanted)
                if len({event.id for event in found}) >= count:
                    return found
                await self.news.wait()


@dataclass
class World:
    running: RunningStack
    dovecot: Dovecot
    sink: SmtpSink
    product: Replywire
    heard: Heard = field(default_factory=Heard)
    planted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By request: the Message-IDs of answers that were put into its mailbox."""

    async def connect(self, address: str = ADA, **settings: Any) -> str:
        """Connect a Dovecot mailbox that sends through the sink: its account id."""
        body = {
            "client": "smtp_imap",
            "address": address,
            "settings": {
                "smtp": {"host": "127.0.0.1", "port": self.sink.port, "security": "plain", "username": address},
                "imap": {"host": "localhost", "port": self.dovecot.imaps_port, "security": "tls", "username": address},
            }
            | settings,
            "secret": {"password": PASSWORD},
        }
        async with self.running.api("auth") as api:
            answer = await api.post("/v1/accounts", json=body)
        assert answer.status_code in (200, 201), answer.text
        account_id: str = answer.json()["account_id"]
        return account_id

    async def send(self, account_id: str, request_id: str, **changes: Any) -> SendRequested:
        fields: dict[str, Any] = {
            "to": (Address(email=GRACE),),
            "subject": "Lunch on Friday?",
            "text": Body(text="Would you join us on Friday?\n"),
            "metadata": {"request": request_id},
        }
        request = SendRequested(team_id=TEAM, request_id=request_id, account_id=account_id, **(fields | changes))
        await self.product.publish(request)
        return request

    async def message(self, request_id: str) -> dict[str, Any]:
        """As the messages API shows it, with its history."""
        async with self.running.api("send") as api:
            answer = await api.get(f"/v1/messages/{request_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def answer(self, sent: sends.SendSent, text: str = "Gladly.", sender: str = GRACE, address: str = ADA) -> str:
        """Put a person's answer into the mailbox, as a delivery agent would: its Message-ID."""
        own = sent.identities.message_ids[0]
        number = len(self.planted[sent.request_id]) + 1
        message_id = f"<answer-{number}-{sent.request_id}@example.org>"
        self.planted[sent.request_id].append(message_id)
        self.dovecot.deliver(address, reply_to(own, message_id, text, sender=sender, to=address))
        return message_id

    def copies(self, address: str = ADA) -> list[Message]:
        return [message_from_bytes(octets) for octets in self.dovecot.messages(address, "Sent")]


def reply_to(own: str, message_id: str, text: str, *, sender: str = GRACE, to: str = ADA) -> bytes:
    return (
        f"Return-Path: <{sender}>\r\nFrom: Grace Hopper <{sender}>\r\nTo: <{to}>\r\nSubject: Re: Lunch on Friday?\r\n"
        f"Message-ID: {message_id}\r\nIn-Reply-To: {own}\r\nReferences: {own}\r\nMIME-Version: 1.0\r\n"
        "Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"{text}\r\n\r\nOn Mon, 2 Mar 2026 at 09:12, Ada <{to}> wrote:\r\n> Would you join us on Friday?\r\n"
    ).encode()


_TOLD = (
    (
        sends.SendAccepted,
        sends.SendSent,
        sends.SendDeferred,
        sends.SendFailed,
        sends.SendUnconfirmed,
        sends.SendCancelled,
    ),
    (replies.ReplyDetected, replies.AutoReplyDetected, replies.BounceDetected, replies.ComplaintDetected),
)


@contextlib.asynccontextmanager
async def a_world(
    folder: Path,
    *,
    sink_options: tuple[str, ...] = (),
    env: dict[str, dict[str, str]] | None = None,
    open_ports: tuple[int, ...] = (),
    ledger: bool = True,
    **changes: Any,
) -> AsyncIterator[World]:
    """`open_ports` may be connected to besides the servers' own; `changes` are fields of the stack's settings."""
    dovecot, sink = Dovecot(), SmtpSink(folder / "sink", sink_options, ledger)
    await dovecot.start()
    try:
        await sink.start()
        policy = {
            "REPLYWIRE_ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
            "REPLYWIRE_EXTRA_PORTS": json.dumps([sink.port, dovecot.imap_port, dovecot.imaps_port, *open_ports]),
            "REPLYWIRE_CA_FILE": dovecot.ca_file,
        }
        told = env or {}
        merged = {
            service: policy | QUICK.get(service, {}) | told.get(service, {})
            for service in ("auth", "send", "inbox_sync")
        } | {name: value for name, value in told.items() if name not in ("auth", "send", "inbox_sync")}
        async with (
            stacks.running(folder / "stack", sandbox=False, env=merged, ack_wait_seconds=6, **changes) as running,
            running.product() as product,
        ):
            world = World(running, dovecot, sink, product)
            async with listening(world):
                yield world
    finally:
        await sink.stop()
        await dovecot.stop()
        dovecot.remove()


@contextlib.asynccontextmanager
async def listening(world: World) -> AsyncIterator[None]:
    """A product that reads every outcome and every answer, and hears them all."""
    async with contextlib.AsyncExitStack() as places:
        tasks = []
        for number, kinds in enumerate(_TOLD):
            events = world.product.subscribe(*kinds, durable=f"heard-{number}", from_start=True)
            await places.enter_async_context(events)
            tasks.append(asyncio.create_task(_hear(events, world.heard)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for how in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(how, Exception):
                    raise how  # it heard no more from then on, so the test proved less than it says


async def _hear(events: Any, heard: Heard) -> None:
    async for event in events:
        await heard.add(event)
