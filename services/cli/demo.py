"""`replywire demo`: the whole way of one mail on real servers of this machine, from connecting to `reply.detected`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import uuid4

import typer
from replywire_contracts.event import Event
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendRequested, SendSent
from replywire_contracts.v1.values import Address, Body
from rich.markup import escape

from services.cli.api import Api
from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.output import Output
from services.cli.send import outcome, product
from services.cli.target import Target, find
from services.cli.watch import open_feed

if TYPE_CHECKING:
    from deploy.embedded.sandbox import SandboxMail
    from deploy.embedded.stack import Stack

_USER, _PROSPECT = "alice@example.com", "bob@example.org"
_ANSWER = "Tuesday at ten is fine."
_STEP_SECONDS = 30.0
T = TypeVar("T")


def demo(
    keep: Annotated[bool, typer.Option(help="Keep the data in --folder instead of throwing it away.")] = False,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Connect a sandbox mailbox, send a mail, answer it as the prospect, print the detected reply."""
    from deploy.embedded.errors import EmbeddedError

    out = Output(as_json)
    try:
        if keep:
            asyncio.run(_demo(folder, out))
        else:
            with TemporaryDirectory(prefix="replywire-demo-") as passing:
                asyncio.run(_demo(Path(passing), out))
    except EmbeddedError as error:
        raise CannotGoOn(str(error), status=UNUSABLE) from None


async def _demo(folder: Path, out: Output) -> None:
    from deploy.embedded.settings import from_environment
    from deploy.embedded.stack import Stack

    began = time.monotonic()
    stack = Stack(replace(from_environment(folder), ports={}, watch=False))
    with out.people.status("Starting nats-server, mongod, the sandbox mail server and four services …"):
        await stack.start()
    try:
        out.say(f"[green]✓[/green] {len(stack.parts)} processes are up [dim]{time.monotonic() - began:.1f} s[/dim]")
        told = await _Story(stack, find(stack.folder), out).tell()
    finally:
        with out.people.status("Stopping …"):
            await stack.stop()
    seconds = round(time.monotonic() - began, 1)
    out.say(f"[green]✓[/green] Done in {seconds} s.")
    out.value(told | {"seconds": seconds})


class _Story:
    def __init__(self, stack: Stack, target: Target, out: Output) -> None:
        assert stack.sandbox is not None
        self._sandbox: SandboxMail = stack.sandbox
        self._target = target
        self._out = out

    async def tell(self) -> dict[str, Any]:
        from deploy.embedded.sandbox_mail.person import Person

        user, prospect = Person(self._sandbox, _USER), Person(self._sandbox, _PROSPECT)
        account_id = await asyncio.to_thread(self._connect)
        request = SendRequested(
            team_id=self._target.team,
            request_id=f"demo-{uuid4().hex[:8]}",
            account_id=account_id,
            to=(Address(email=_PROSPECT, name="Bob"),),
            subject="A quick question",
            text=Body(text="Hello Bob,\n\nwould Tuesday suit you for a call?\n\nAlice\n"),
            metadata={"campaign": "demo"},
        )
        async with product(self._target) as bus:
            feed = await open_feed(bus.connection, request.team_id, ("sends", "replies"))
            await bus.publish(request)
            self._out.say(f"[green]✓[/green] published [bold]send.requested[/bold] {request.request_id}")
            sent = await self._within("send.sent", outcome(feed, request.request_id, self._out))
            if not isinstance(sent, SendSent):
                raise CannotGoOn(
                    f"The mail was not sent: {sent.kind()}", remedy="Its log is in the folder: use --keep."
                )
            message_id = sent.identities.message_ids[0]
            await self._copy_in_sent(user, message_id)
            received = await self._on_the_way(prospect, message_id)
            listening = asyncio.create_task(_reply(feed, request.request_id))
            await asyncio.to_thread(prospect.answer, received, _ANSWER)
            self._out.say(f"[green]✓[/green] {_PROSPECT} answered by SMTP: “{_ANSWER}”")
            reply, heard_at = await self._within("reply.detected", listening)
        return self._conclude(request, reply, heard_at)

    def _connect(self) -> str:
        body = {
            "client": "smtp_imap",
            "address": _USER,
            "display_name": "Alice",
            "settings": self._sandbox.settings_for(_USER),
            "secret": {"password": self._sandbox.users[_USER]},
        }
        with Api(self._target) as api:
            account = api.post("/v1/accounts", body)
        self._out.say(f"[green]✓[/green] connected {_USER}: both logins were proved over TLS")
        account_id: str = account["account_id"]
        return account_id

    async def _copy_in_sent(self, user: Any, message_id: str) -> None:
        await self._within("the copy in Sent", _until(lambda: user.find("Sent", message_id)))
        self._out.say(f"[green]✓[/green] a copy is in {_USER}'s Sent folder")

    async def _on_the_way(self, prospect: Any, message_id: str) -> bytes:
        received: bytes = await self._within("the delivery", _until(lambda: prospect.find("INBOX", message_id)))
        self._out.say(f"[green]✓[/green] {_PROSPECT} has the mail in the INBOX")
        return received

    def _conclude(self, request: SendRequested, reply: ReplyDetected, heard_at: datetime) -> dict[str, Any]:
        from deploy.embedded.sandbox_mail import ledger

        *_, taken = ledger.read(self._sandbox.ledger_file)
        after_ms = round((heard_at - datetime.fromisoformat(taken.at)) / timedelta(milliseconds=1))
        out = self._out
        out.say(f"[green]✓[/green] [bold]reply.detected[/bold] {after_ms} ms after the mail server took the answer")
        out.say(f"    from      {escape(reply.sender.email if reply.sender else '')}")
        out.say(f"    answers   {escape(reply.request_id)}  metadata {escape(str(reply.metadata))}")
        out.say(f"    matched   by {reply.matched_by} ({reply.confidence}), class {reply.message_class}")
        out.say(f"    new text  “{escape((reply.new_text.text or '').strip())}”")
        return {
            "request_id": request.request_id,
            "reply": reply.model_dump(mode="json", exclude_none=True),
            "detected_after_ms": after_ms,
        }

    async def _within(self, what: str, work: Any) -> Any:
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                return await work
        except TimeoutError:
            raise CannotGoOn(
                f"No {what} within {_STEP_SECONDS:g} s.", remedy="Run it again with --keep and read the logs there."
            ) from None


async def _reply(feed: AsyncIterator[Event], request_id: str) -> tuple[ReplyDetected, datetime]:
    """And when it was heard."""
    async for event in feed:
        if isinstance(event, ReplyDetected) and event.request_id == request_id:
            return event, datetime.now(UTC)
    raise AssertionError("a feed has no end")


async def _until(look: Callable[[], T | None]) -> T:
    """Look until it is there: a mailbox seen from outside has no other sign."""
    while (found := await asyncio.to_thread(look)) is None:  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.1)
    return found
