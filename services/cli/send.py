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
from pydantic import ValidationError
from replywire_contracts.event import Event
from replywire_contracts.nats import PublishUnknown, Replywire
from replywire_contracts.v1.send import SendCancelled, SendFailed, SendRequested, SendSent, SendUnconfirmed
from replywire_contracts.v1.values import Address, Attachment, Body
from rich.markup import escape

from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import AWAY, UNUSABLE, CannotGoOn
from services.cli.output import Output
from services.cli.target import Target, find
from services.cli.watch import open_bus, open_feed, show

_OPTIONS = {
    "email": ("the recipient", "Give one address such as bob@example.org."),
    "account_id": ("--account", "Give the account_id that `replywire accounts` shows."),
    "request_id": ("--request-id", "Give up to 128 printable ASCII characters, without spaces."),
    "reply_to_request_id": ("--follow", "Give the request_id of an earlier message: see `replywire messages`."),
    "team_id": ("--team", "Give letters, digits, - and _, at most 64."),
}
"""By the field that cannot hold what was given: what was typed, and what to do."""
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
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome; 0 does not wait.")] = 60,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Send a mail from a connected mailbox."""
    target = find(folder)
    owner = team or target.team
    if owner == "*":
        raise CannotGoOn("Whose mail is it?", remedy="Give --team, or set REPLYWIRE_TEAM.", status=UNUSABLE)
    try:
        request = SendRequested(
            team_id=owner,
            request_id=request_id or f"cli-{uuid4().hex[:12]}",
            account_id=account_id,
            to=tuple(Address(email=address) for address in to),
            subject=subject,
            text=Body(text=text if text is not None else _text(sys.stdin.buffer.read(), "Standard input")),
            html=None if html is None else Body(text=_text(_read(html), str(html))),
            attachments=tuple(_attachment(file) for file in attach or ()),
            reply_to_request_id=follow,
            send_at=None if send_at is None else _moment(send_at),
        )
    except ValidationError as wrong:
        raise _unusable(wrong) from None
    asyncio.run(_send(target, request, wait, Output(as_json)))


async def _send(target: Target, request: SendRequested, wait: float, out: Output) -> None:
    async with product(target) as replywire:
        feed = await open_feed(replywire.connection, request.team_id, ("sends",))
        try:
            await replywire.publish(request)
        except PublishUnknown as unknown:
            raise CannotGoOn(
                f"{str(unknown)[:1].upper()}{str(unknown)[1:]}.",
                remedy=f"Send it again with --request-id {request.request_id}: it is never sent twice.",
                status=AWAY,
            ) from None
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


def _unusable(wrong: ValidationError) -> CannotGoOn:
    """The first thing that no request can hold, by its option."""
    error = wrong.errors(include_url=False, include_input=False)[0]
    named = str(error["loc"][0]) if error["loc"] else ""
    told = _OPTIONS.get(named, (named.replace("_", " "), "Correct it."))
    return CannotGoOn(f"{told[0]}: {error['msg']}.", remedy=told[1], status=UNUSABLE)


def _text(octets: bytes, source: str) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise CannotGoOn(f"{source} is not UTF-8.", remedy="Give it as UTF-8.", status=UNUSABLE) from None


def _moment(given: datetime) -> datetime:
    try:
        return given.astimezone()
    except (ValueError, OverflowError):
        raise CannotGoOn("--send-at lies outside the years of any clock.", status=UNUSABLE) from None


def _attachment(file: Path) -> Attachment:
    kind, _ = mimetypes.guess_type(file.name)
    return Attachment(filename=file.name, content_type=kind or "application/octet-stream", content=_read(file))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}.", status=UNUSABLE) from None
