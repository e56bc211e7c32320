"""`replywire rotate-keys`: a new key for the ring of the embedded stack, and every account re-wrapped under it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.output import Output


def rotate_keys(
    new_key: Annotated[bool, typer.Option("--new-key/--no-new-key", help="Add a key to the ring first.")] = True,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Seal every account under a new key while the services go on working."""
    out = Output(as_json)
    env = _environment(folder)
    result = asyncio.run(_rotate(env, new_key, out))
    for account_id, why in result["failed"].items():
        out.say(f"[red]✗[/red] {account_id} could not be opened: {why}")
    out.say(f"[green]✓[/green] {result['done']} accounts are sealed under {result['current']}")
    out.value(result)
    if result["failed"]:
        raise CannotGoOn(
            f"{len(result['failed'])} accounts could not be re-wrapped.",
            remedy="Put the key they were sealed by back into the ring, or have their people connect them again.",
        )


def _environment(folder: Path) -> dict[str, str]:
    """auth's own, where the embedded stack runs; else the operator's environment has to name it."""
    if "REPLYWIRE_KEY_RING" in os.environ:
        return dict(os.environ)
    from deploy.embedded.environment import of_operator

    env = of_operator(folder)
    if env is None:
        raise CannotGoOn(
            f"No stack runs in {folder}, and REPLYWIRE_KEY_RING names no key ring.",
            remedy="Start it with `replywire up`, or set REPLYWIRE_KEY_RING and REPLYWIRE_MONGODB_URL as auth's.",
            status=UNUSABLE,
        )
    return env


async def _rotate(env: dict[str, str], new_key: bool, out: Output) -> dict[str, Any]:
    if new_key:
        async for _ in _lines(env, "new-key-ring", env["REPLYWIRE_KEY_RING"]):
            pass
    result: dict[str, Any] = {}
    columns = (TextColumn("Re-wrapping"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out.people, transient=True) as progress:
        task = progress.add_task("accounts", total=None)
        async for line in _lines(env, "rotate-keys", "--progress", "json"):
            step = json.loads(line)
            if step.get("finished"):
                result = step
            else:
                progress.update(task, total=step["total"], completed=step["done"])
    return result


async def _lines(env: dict[str, str], *arguments: str) -> AsyncIterator[str]:
    """What `python -m services.auth` prints. Status 1 is told by its last line; others raise `CannotGoOn`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.auth", *arguments, env=env, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if line.strip():
            yield line.decode()
    _, errors = await process.communicate()
    if process.returncode not in (0, 1):
        raise CannotGoOn(errors.decode().strip().splitlines()[-1] if errors.strip() else "auth's command failed")
