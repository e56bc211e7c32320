"""`replywire watch`: events as they come, from the bus itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import nats
import nats.errors
import typer
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError
from replywire_contracts.catalogue import event_type
from replywire_contracts.event import Event
from replywire_contracts.streams import ACCOUNTS, MAILBOXES, REPLIES, SENDS
from rich.markup import escape

from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import AWAY, CannotGoOn
from services.cli.output import Output, cell
from services.cli.target import Target, find

_STREAMS = {"accounts": ACCOUNTS, "mailboxes": MAILBOXES, "sends": SENDS, "replies": REPLIES}
_TOLD = ("address", "request_id", "sender", "message_class", "failure", "matched_by", "complete", "retry_at")


def watch(
    kinds: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(_STREAMS)}; all where none.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Begin with the events since then.")] = None,
    count: Annotated[int, typer.Option(help="Stop after this many events.")] = 0,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Print every event as it comes, until Ctrl-C."""
    unknown = [kind for kind in kinds or () if kind not in _STREAMS]
    if unknown:
        raise CannotGoOn(f"There are no events {unknown[0]!r}.", remedy=f"Choose from: {', '.join(_STREAMS)}.")
    asyncio.run(_watch(find(folder), kinds or list(_STREAMS), since, count, Output(as_json)))


async def _watch(target: Target, kinds: Sequence[str], since: datetime | None, count: int, out: Output) -> None:
    seen = 0
    connection = await open_bus(target)
    try:
        feed = await open_feed(connection, target.team, kinds, since)
        out.say(f"[dim]Watching {', '.join(kinds)}; Ctrl-C ends it.[/dim]")
        async for event in feed:
            show(event, out)
            seen += 1
            if seen == count:
                return
    finally:
        await connection.close()


async def open_bus(target: Target) -> Client:
    """It ends when the bus goes away: what a watcher is told meanwhile would be missing without a word."""
    try:
        return await nats.connect(
            target.nats_url,
            user=target.nats_user,
            password=target.nats_password,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection too: by default it would try for two minutes
            reconnect_time_wait=0.5,
            connect_timeout=10,
            error_cb=_told_by_its_end,
        )
    except (nats.errors.Error, OSError) as error:
        raise CannotGoOn(
            f"NATS does not let us in: {error or type(error).__name__}.",
            remedy="Is the stack running, and are REPLYWIRE_NATS_URL and its user right?",
            status=AWAY,
        ) from None


async def _told_by_its_end(_: Exception) -> None:
    """nats-py prints a traceback; who asks or watches is told that the bus went away."""


async def open_feed(
    connection: Client, team: str, kinds: Sequence[str], since: datetime | None = None
) -> AsyncIterator[Event]:
    """Every event of these kinds from now on (or since then): once this returns, none is missed.

    One consumer per subject, so that it also works for a user whose rights are cut to one team."""
    jetstream = connection.jetstream()
    inbox = connection.new_inbox()
    delivered = await connection.subscribe(inbox)
    for kind in kinds:
        for subject in _STREAMS[kind].subjects:
            config = ConsumerConfig(
                name=f"watch-{uuid4().hex}",
                ack_policy=AckPolicy.NONE,
                deliver_policy=DeliverPolicy.BY_START_TIME if since else DeliverPolicy.NEW,
                opt_start_time=since.astimezone() if since else None,
                filter_subject=f"{subject[:-1]}{team}",
                deliver_subject=inbox,
                inactive_threshold=30,  # the consumer goes when its watcher has gone
            )
            try:
                await jetstream.add_consumer(_STREAMS[kind].name, config)
            except (APIError, nats.errors.Error) as error:
                raise CannotGoOn(
                    f"The stream {_STREAMS[kind].name} cannot be read: {error}.",
                    remedy="See `replywire doctor`; streams are made by `python -m services.runtime.provision`.",
                ) from None
    return _decoded(delivered.messages)


async def _decoded(messages: AsyncIterator[Msg]) -> AsyncIterator[Event]:
    last = datetime.now(UTC)
    async for message in messages:
        event = event_type(message.subject.rpartition(".")[0]).decode(message.data)
        last = event.occurred_at
        yield event
    raise CannotGoOn(
        "The bus went away.",
        remedy=f"Once it is back, `replywire watch --since {last.astimezone():%Y-%m-%dT%H:%M:%S}` shows what came "
        "meanwhile.",
        status=AWAY,
    )


def show(event: Event, out: Output) -> None:
    """One line: when, what, and the few fields that tell most."""
    if out.as_json:
        print(json.dumps({"kind": event.kind(), **event.model_dump(mode="json", exclude_none=True)}), flush=True)
        return
    told = []
    for name in _TOLD:
        value = getattr(event, name, None)
        if value:
            text = getattr(value, "email", None) or getattr(value, "words", None) or str(value)
            told.append(cell(text))
    verb = event.kind().removeprefix("mail.v1.")
    new = getattr(event, "new_text", None)
    words = f"  “{escape(new.text.strip())}”" if new is not None and new.text else ""
    out.say(f"[dim]{event.occurred_at:%H:%M:%S}[/dim] [bold]{verb}[/bold]  {'  '.join(told)}{words}")
