"""`replywire doctor`: what is wrong with this installation or this account, and the remedy. Changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import nats.errors
import typer
from nats.js.errors import APIError, NotFoundError
from replywire_contracts.streams import ACCOUNTS, DEAD_LETTERS, MAILBOXES, REPLIES, SENDS
from rich.markup import escape

from services.cli.accounts import joined
from services.cli.api import Api, in_path
from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import CannotGoOn
from services.cli.operators_bus import Whereabouts, operators_bus
from services.cli.output import Output
from services.cli.target import Target, find
from services.cli.watch import open_bus

_SERVICES = ("auth", "send", "inbox_sync", "reply_matching")
_READABLE = (ACCOUNTS, SENDS, MAILBOXES, REPLIES)


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    well: bool
    detail: str = ""
    remedy: str = ""


def doctor(
    account_id: Annotated[str | None, typer.Option("--account", help="Look at this mailbox alone.")] = None,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Say what is wrong, and what to do about it. The exit status is 1 where something is."""
    out = Output(as_json)
    findings = []
    for finding in _look(account_id, folder):
        findings.append(finding)
        mark = "[green]✓[/green]" if finding.well else "[red]✗[/red]"
        out.say(f"{mark} {finding.what}" + (f": {escape(finding.detail)}" if finding.detail else ""))
        if finding.remedy and not finding.well:
            out.say(f"    → {escape(finding.remedy)}")
    out.value([asdict(finding) for finding in findings])
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def _look(account_id: str | None, folder: Path) -> Iterator[Finding]:
    try:
        target = find(folder)
    except CannotGoOn as error:
        yield Finding("an installation to look at", False, str(error), error.remedy)
        yield from _parts_of_a_stack(folder)
        return
    with Api(target, seconds=10) as api:
        door = _door(api, target)
        yield door
        if not door.well:
            return
        services = {service: _service(api, service, folder) for service in _SERVICES}
        yield from services.values()
        yield (bus := asyncio.run(_bus(target)))
        if bus.well and account_id is None:
            yield from asyncio.run(_dead_letters(target))
        if services["auth"].well and services["inbox_sync"].well:
            yield from _accounts(api, account_id)
        if services["auth"].well and services["send"].well:
            yield from _sending(api, account_id)


def _parts_of_a_stack(folder: Path) -> Iterator[Finding]:
    """Could one be started here?"""
    from deploy.embedded import binaries
    from deploy.embedded.errors import NotOnThisPlatform

    for name, carried in (("nats-server", binaries.nats_server), ("mongod", binaries.mongod)):
        try:
            carried()
            yield Finding(f"{name} for the embedded stack", True)
        except NotOnThisPlatform as error:
            yield Finding(f"{name} for the embedded stack", False, str(error))
    writable = folder if folder.exists() else folder.resolve().parent
    with contextlib.suppress(OSError):
        (writable / ".replywire-doctor").touch()
        (writable / ".replywire-doctor").unlink()
        yield Finding(f"{writable} can be written", True)
        return
    yield Finding(f"{writable} can be written", False, "it cannot", "Choose another --folder.")


def _door(api: Api, target: Target) -> Finding:
    what = f"the front door at {target.url} answers"
    if api.alive():
        return Finding(what, True)
    return Finding(what, False, "it does not", "`replywire up` starts it again; elsewhere, start what listens there.")


def _service(api: Api, service: str, folder: Path) -> Finding:
    status, told = api.health(service)
    if status == 200:
        return Finding(f"{service} is ready", True)
    if status == 0:
        log = folder / "logs" / f"{service}.log"
        where = f"Read {log}" if log.exists() else "Read its log"
        return Finding(f"{service} answers", False, "it does not", f"{where}; `replywire up` starts what has ended.")
    problems = "; ".join(f"{part}: {why}" for part, why in told.get("problems", {}).items())
    return Finding(f"{service} is ready", False, problems, "What it names has to come back first; it waits for it.")


async def _bus(target: Target) -> Finding:
    try:
        connection = await open_bus(target)
    except CannotGoOn as error:
        return Finding("the bus", False, str(error), error.remedy)
    try:
        jetstream = connection.jetstream(timeout=5)
        for stream in _READABLE:
            await jetstream.stream_info(stream.name)
    except NotFoundError:
        remedy = "Run `python -m services.runtime.provision` (`replywire up` does it at its start)."
        return Finding("the streams of the bus", False, f"{stream.name} does not exist", remedy)
    except (APIError, nats.errors.Error, TimeoutError) as error:
        return Finding("the bus", False, str(error) or "no answer", "Is JetStream enabled, and may this user use it?")
    finally:
        await connection.close()
    return Finding("the bus answers and has its streams", True)


async def _dead_letters(target: Target) -> list[Finding]:
    """Nothing where a product's user of the bus is all that this machine was given: it may not see them."""
    at = Whereabouts((target.operators_nats_url or target.nats_url,), target.nats_user, target.nats_password)
    try:
        async with operators_bus(at) as bus:
            found = (await bus.ask(bus.js.stream_info(DEAD_LETTERS.name))).state.messages
    except CannotGoOn as error:
        return [] if error.code == "forbidden" else [Finding("the dead letters", False, str(error), error.remedy)]
    if not found:
        return [Finding("no event was left undone", True)]
    what = f"{found} dead letter{'s' if found > 1 else ''}"
    return [
        Finding(
            what,
            False,
            "events that a service could not carry out",
            "See them with `replywire dead-letters list`; then each is carried out (`again`) or destroyed (`forget`).",
        )
    ]


def _accounts(api: Api, account_id: str | None) -> Iterator[Finding]:
    try:
        reading = {box["account_id"]: box for box in api.pages("/v1/mailboxes", 1000)}
        if account_id is not None:
            accounts = [api.get(f"/v1/accounts/{in_path(account_id)}")]
        else:
            accounts = list(api.pages("/v1/accounts", 1000))
    except CannotGoOn as error:
        yield Finding("the mailboxes", False, str(error), error.remedy)
        return
    if not accounts:
        yield Finding("mailboxes", True, "none is connected yet")
    for account in accounts:
        yield _mailbox(joined(account, reading))


def _sending(api: Api, account_id: str | None) -> Iterator[Finding]:
    """What waits, and what only a person can decide."""
    try:
        for box in api.pages("/v1/sending/mailboxes", 1000):
            waits = box.get("waits_for")
            if waits and account_id in (None, box["account_id"]):
                words = " ".join(waits.get(name) or "" for name in ("reason", "code", "words")).strip()
                what = f"sending from {box['address']}"
                yield Finding(what, False, f"waits until {box['waits_until']}: {words}", waits.get("remedy") or "")
        open_questions = list(api.pages("/v1/messages", 200, state="unconfirmed", account_id=account_id))
        overdue = list(api.pages("/v1/external/messages", 200, status="overdue", account_id=account_id))
    except CannotGoOn as error:
        yield Finding("sending", False, str(error), error.remedy)
        return
    for message in overdue:
        yield Finding(
            f"message {message['request_id']}",
            False,
            f"your code (key {message['taken_by']}) has it since before {message['next_at']} and reports nothing",
            "Does it run, and reach this installation? A late report is taken; else it is offered again by itself.",
        )
    for message in open_questions:
        why = (message.get("failure") or {}).get("words") or "the provider cannot tell"
        yield Finding(
            f"message {message['request_id']}",
            False,
            f"it may or may not have been sent: {why}",
            f"Ask its recipient, then `replywire messages --resolve {message['request_id']} assume_sent` (or resend).",
        )


def _mailbox(account: dict[str, object]) -> Finding:
    box = account["mailbox"]
    assert isinstance(box, dict)
    state, reading = str(account["state"]), str(box.get("state", "not read by anybody"))
    what = f"{account['address']} ({account['account_id']})"
    trouble = account.get("failure") or box.get("trouble")
    if state == "disconnected":
        return Finding(what, True, "disconnected")
    if isinstance(trouble, dict):
        words = " ".join(str(trouble[name]) for name in ("reason", "code", "words") if trouble.get(name))
        return Finding(what, False, f"{state}, {reading}: {words}", str(trouble.get("remedy") or ""))
    if not box:
        remedy = "inbox_sync learns of new mailboxes from the bus and asks auth now and then: is it ready?"
        return Finding(what, False, reading, remedy)
    return Finding(what, True, f"{state}, {box.get('explanation') or reading}")
