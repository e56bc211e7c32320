"""`replywire send`: publish a `send.requested` as a product would, and wait for what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from replywire_contracts.event import Event
from replywire_contracts.nats import Replywire
from replywire_contracts.v1.send import SendCancelled, SendFailed, SendRequested, SendSent, SendUnconfirmed
from replywire_contracts.v1.values import Address, Attachment, Body
from rich.markup import escape

from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import AWAY, UNUSABLE, CannotGoOn
from services.cli.output import Output
from services.cli.target import Target, find
from services.cli.watch import open_bus, open_feed, show

_FINAL = (SendSent, SendFailed, SendUnconfirmed, SendCancelled)


def send(
    to: Annotated[list[str], typer.Argument(help="Recipients.")],
    account_id: Annotated[str, typer.Option("--account", help="The mailbox it leaves from: see `accounts`.")],
    subject: Annotated[str, typer.Option()] = "",
    text: Annotated[str | None, typer.Option(help="The text; read from standard input where not given.")] = None,
    html: Annotated[Path | None, typer.Option(help="A file with the HTML version.")] = None,
    attach: Annotated[list[Path] | None, typer.Option(help="A file to attach; may be repeated.")] = None,
    follow: Annotated[str | None, typer.Option(help="The request_id of the message this one follows up.")] = None,
    request_id: Annotated[
        str | None, typer.Option(help="Your id of this e-mail: the same id is never sent twice.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Where the installation does not tell.")] = None,
    send_at: Annotated[datetime | None, typer.Option(help="Not before then.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the outcome; 0 does not wait.")] = 60,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Send a mail from a connected mailbox."""
    target = find(folder)
    owner = team or target.team
    if owner == "*":
        raise CannotGoOn("Whose mail is it?", remedy="Give --team, or set REPLYWIRE_TEAM.", status=UNUSABLE)
    request = SendRequested(
        team_id=owner,
        request_id=request_id or f"cli-{uuid4().hex[:12]}",
        account_id=account_id,
        to=tuple(Address(email=address) for address in to),
        subject=subject,
        text=Body(text=text if text is not None else sys.stdin.read()),
        html=None if html is None else Body(text=_read(html).decode()),
        attachments=tuple(_attachment(file) for file in attach or ()),
        reply_to_request_id=follow,
        send_at=None if send_at is None else send_at.astimezone(),
    )
    asyncio.run(_send(target, request, wait, Output(as_json)))


async def _send(target: Target, request: SendRequested, wait: float, out: Output) -> None:
    async with product(target) as replywire:
        feed = await open_feed(replywire.connection, request.team_id, ("sends",))
        await replywire.publish(request)
        out.say(f"[dim]published[/dim] {escape(request.request_id)}")
        if not wait:
            out.value({"request_id": request.request_id})
            return
        try:
            async with asyncio.timeout(wait):
                event = await outcome(feed, request.request_id, out)
        except TimeoutError:
            raise CannotGoOn(
                f"Nothing final is known of {request.request_id} after {wait:g} s.",
                remedy=f"It goes on: `replywire explain {request.request_id}` tells how far it is.",
                status=AWAY,
            ) from None
    _judge(event)


async def outcome(feed: AsyncIterator[Event], request_id: str, out: Output) -> Event:
    """The final event about one request, having shown those before it."""
    async for event in feed:
        if getattr(event, "request_id", None) == request_id:
            show(event, out)
            if isinstance(event, _FINAL):
                return event
    raise AssertionError("a feed has no end")


def _judge(event: Event) -> None:
    if not isinstance(event, SendSent):
        failure = getattr(event, "failure", None)
        raise CannotGoOn(
            f"It was not sent: {failure.words if failure else event.kind().rpartition('.')[2]}",
            remedy=failure.remedy if failure else "",
        )


@contextlib.asynccontextmanager
async def product(target: Target) -> AsyncIterator[Replywire]:
    """The bus as an application uses it."""
    replywire = Replywire(await open_bus(target))
    try:
        yield replywire
    finally:
        await replywire.connection.close()


def _attachment(file: Path) -> Attachment:
    kind, _ = mimetypes.guess_type(file.name)
    return Attachment(filename=file.name, content_type=kind or "application/octet-stream", content=_read(file))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}.", status=UNUSABLE) from None
