"""`replywire messages`: what was asked to be sent, and its state; cancel or resolve one."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from services.cli.api import Api, in_path
from services.cli.commands import FOLDER, AsJson, Folder, Limit
from services.cli.output import Output, cell
from services.cli.target import find


def messages(
    state: Annotated[str | None, typer.Option(help="Of this state alone: queued, sent, failed, unconfirmed, …")] = None,
    account_id: Annotated[str | None, typer.Option("--account", help="Of this mailbox alone.")] = None,
    cancel: Annotated[str | None, typer.Option(help="Cancel the message of this request_id.")] = None,
    resolve: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="ID DECISION", help="Decide about an unconfirmed one: resend, assume_sent or cancel."),
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """List messages, newest first; cancel one that has not left, or decide about one that nobody can confirm."""
    out = Output(as_json)
    with Api(find(folder)) as api:
        decided = None
        if resolve is not None:
            request_id, decision = resolve
            decided = api.post(f"/v1/messages/{in_path(request_id)}/resolve", {"decision": decision})
        elif cancel is not None:
            decided = api.post(f"/v1/messages/{in_path(cancel)}/cancel")
        if decided is not None:
            out.say(f"{escape(decided['request_id'])} is {cell(decided['state'])}")
            out.value(decided)
            return
        found = list(api.pages("/v1/messages", limit, state=state, account_id=account_id))
    out.table(
        found,
        ("request_id", "state", "account_id", "subject", "created_at", "failure.words", "failure.remedy"),
        "No message yet. Send one with `replywire send`.",
    )
