"""`replywire dead-letters`: what a service could not carry out; an operator reads it, and has it tried again or not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from nats.js.errors import NotFoundError
from replywire_contracts.streams import CONSUMERS, DEAD_LETTERS
from rich.markup import escape

from services.cli.commands import FOLDER, AsJson, Folder, Limit, ends_well
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.operators_bus import OperatorsBus, operators_bus, whereabouts
from services.cli.output import Output
from services.runtime import dead_letters
from services.runtime.dead_letters import DeadLetter
from services.runtime.permissions import SERVICES

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)
_SHOWN = 8_000
"""Characters of a payload that a terminal is given."""
_FOR_GOOD = ("malformed", "refused")

Number = Annotated[int, typer.Argument(min=1, help="Its number, as `list` tells it.")]
Numbers = Annotated[list[int], typer.Argument(min=1, help="Their numbers, as `list` tells them.")]


@app.command("list")
@ends_well
def list_(
    service: Annotated[str | None, typer.Option(help=f"Of this one alone: {', '.join(SERVICES)}.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only those with a higher number.")] = 0,
    limit: Limit = 100,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """List the dead letters, oldest first, without what is in them."""
    if service is not None and service not in SERVICES:
        raise CannotGoOn(
            f"There is no service {service!r}.", remedy=f"Choose from: {', '.join(SERVICES)}.", status=UNUSABLE
        )
    out = Output(as_json)

    async def read() -> list[DeadLetter]:
        async with operators_bus(whereabouts(folder)) as bus:
            return await bus.ask(dead_letters.read(bus.js, service or "*", after=after, limit=limit))

    found = asyncio.run(read())
    columns = ("number", "at", "service", "subject", "reason", "deliveries")
    out.table([_facts(letter) for letter in found], columns, "There is no dead letter.")
    if len(found) == limit:
        out.say(f"[dim]There may be more: --after {found[-1].number}[/dim]")
    if found:
        out.say("[dim]`replywire dead-letters show N` tells more; then `again N` or `forget N`.[/dim]")


@app.command()
@ends_well
def show(
    number: Number,
    to: Annotated[Path | None, typer.Option(help="Write the payload to this new file, octet by octet.")] = None,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Show one with its payload, which may be somebody's mail."""
    out = Output(as_json)

    async def read() -> tuple[DeadLetter, bytes]:
        async with operators_bus(whereabouts(folder)) as bus:
            return await _find(bus, number)

    letter, payload = asyncio.run(read())
    for name, told in _facts(letter).items():
        out.say(f"[bold]{name}[/bold]  {escape(str(told))}")
    if to is not None:
        _write(to, payload)
        out.say(f"[green]✓[/green] {len(payload)} octets are in {escape(str(to))}")
        out.value({**_facts(letter), "file": str(to)})
        return
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        out.say("It is no text: --to FILE writes it.")
        out.value({**_facts(letter), "payload_base64": base64.b64encode(payload).decode()})
        return
    shown = _legible(text)
    out.say("\n" + escape(shown[:_SHOWN]))
    if len(shown) > _SHOWN:
        out.say(f"[dim]… and {len(shown) - _SHOWN} characters more: --to FILE writes all of it.[/dim]")
    out.value({**_facts(letter), "payload": text})


@app.command()
@ends_well
def again(numbers: Numbers, as_json: AsJson = False, folder: Folder = FOLDER) -> None:
    """Publish it again as it was, and take it off the list. What fails again comes back under a new number."""
    out = Output(as_json)
    out.value(asyncio.run(_again(numbers, folder, out)))


async def _again(numbers: Sequence[int], folder: Path, out: Output) -> dict[str, Any]:
    async with operators_bus(whereabouts(folder)) as bus:
        letters = [(await _find(bus, number))[0] for number in dict.fromkeys(numbers)]
        for letter in letters:  # all or nothing, as far as can be told before
            if not _consumed(letter):
                raise CannotGoOn(
                    f"Dead letter {letter.number} was no event that {letter.service} consumes: {letter.subject}.",
                    remedy=f"See it with `replywire dead-letters show {letter.number}`, and have it forgotten.",
                )
        last = (await bus.ask(bus.js.stream_info(DEAD_LETTERS.name))).state.last_seq
        for letter in letters:
            await _of(letter.number, bus.ask(dead_letters.redrive(bus.js, letter.number)))
            await bus.ask(dead_letters.forget(bus.js, letter.number))
            subject = escape(_plain(letter.subject))
            out.say(f"[green]✓[/green] {letter.number} is on its way to {letter.service} again: {subject}")
            if letter.reason in _FOR_GOOD:
                out.say(f"  It was {letter.reason}: unless {letter.service} has changed since, it will be once more.")
    out.say(f"[dim]What fails again comes back: `replywire dead-letters list --after {last}`[/dim]")
    return {"again": [_facts(letter) for letter in letters], "after": last}


@app.command()
@ends_well
def forget(numbers: Numbers, as_json: AsJson = False, folder: Folder = FOLDER) -> None:
    """Destroy it: nobody will carry it out any more."""
    out = Output(as_json)

    async def destroy() -> list[DeadLetter]:
        async with operators_bus(whereabouts(folder)) as bus:
            letters = [(await _find(bus, number))[0] for number in dict.fromkeys(numbers)]
            for letter in letters:
                await bus.ask(dead_letters.forget(bus.js, letter.number))
            return letters

    gone = asyncio.run(destroy())
    for letter in gone:
        out.say(f"[green]✓[/green] {letter.number} is gone: {escape(_plain(letter.subject))}")
    out.value({"forgotten": [_facts(letter) for letter in gone]})


async def _find(bus: OperatorsBus, number: int) -> tuple[DeadLetter, bytes]:
    return await _of(number, bus.ask(dead_letters.find(bus.js, number)))


async def _of(number: int, question: Awaitable[T]) -> T:
    try:
        return await question
    except NotFoundError:
        raise CannotGoOn(
            f"There is no dead letter {number}.",
            remedy="`replywire dead-letters list` tells their numbers; they are kept for "
            f"{DEAD_LETTERS.max_age.days} days.",
            code="not_found",
        ) from None


def _consumed(letter: DeadLetter) -> bool:
    patterns = (
        subject for consumer in CONSUMERS if consumer.service == letter.service for subject in consumer.subjects
    )
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]+"), letter.subject) for pattern in patterns)


def _facts(letter: DeadLetter) -> dict[str, Any]:
    facts = asdict(letter)
    del facts["headers"]
    at = "" if letter.at is None else letter.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**facts, "at": at, "subject": _plain(letter.subject)}


def _legible(text: str) -> str:
    """JSON line by line; no control character of what others wrote reaches the terminal."""
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return _plain(text)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def _write(file: Path, payload: bytes) -> None:
    """For its owner alone: it may be mail."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(payload)
    except OSError as error:
        raise CannotGoOn(
            f"{file} cannot be written: {error.strerror}.", remedy="Name a file that is not there yet.", status=UNUSABLE
        ) from None
