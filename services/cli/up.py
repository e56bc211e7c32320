"""`replywire up`: the embedded stack in the foreground, with a live view of its parts."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.output import Output, cell

if TYPE_CHECKING:
    from deploy.embedded.stack import Stack
    from deploy.embedded.supervision import Part


def up(
    sandbox: Annotated[bool, typer.Option(help="Also start a mail server with mailboxes to play with.")] = True,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Start everything on this machine and keep it running. Data stays in the folder; Ctrl-C stops it in order."""
    from dataclasses import replace

    from deploy.embedded.errors import EmbeddedError
    from deploy.embedded.settings import from_environment
    from deploy.embedded.stack import Stack

    out = Output(as_json)
    stack = Stack(replace(from_environment(folder), sandbox=sandbox))
    try:
        asyncio.run(_run(stack, out))
    except EmbeddedError as error:
        raise CannotGoOn(str(error), status=UNUSABLE) from None


async def _run(stack: Stack, out: Output) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    view = asyncio.create_task(_view(stack, out))
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            await starting
            _tell_where(stack, out)
            await stopping
    finally:
        stopping.cancel()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await stack.stop()
        view.cancel()
        await asyncio.gather(view, return_exceptions=True)


async def _view(stack: Stack, out: Output) -> None:
    """With `--json`, a line per change instead of a picture."""
    if out.as_json:
        async for parts in stack.changes():
            print(json.dumps({part.name: part.state for part in parts}), flush=True)
        return
    with Live(_table(stack.parts), console=out.people, refresh_per_second=8) as live:
        async for parts in stack.changes():
            live.update(_table(parts), refresh=True)


def _table(parts: Sequence[Part]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("part", "state", "pid", "restarts", ""):
        table.add_column(column)
    for part in parts:
        restarts = str(part.restarts) if part.restarts else ""
        table.add_row(part.name, cell(part.state), cell(part.pid), restarts, escape(part.detail))
    return table


def _tell_where(stack: Stack, out: Output) -> None:
    out.value({"up": True, "folder": str(stack.folder), "url": stack.api_url, "nats_url": stack.nats_url})
    out.say("\n[green]✓[/green] Replywire is up. Ctrl-C stops it; the data stays in " + escape(str(stack.folder)))
    out.say(f"  API {stack.api_url}   its reference {stack.api_url}/v1/reference")
    out.say(f"  bus {stack.nats_url} (user product)   logs {escape(str(stack.folder / 'logs'))}")
    if stack.sandbox is not None:
        users = ", ".join(stack.sandbox.users)
        out.say(f"  sandbox mailboxes: {escape(users)}")
    out.say("  Next: [bold]replywire accounts[/bold], [bold]replywire watch[/bold], [bold]replywire doctor[/bold]")
