"""`replywire messages`: what was asked to be sent, and its state; cancel or resolve one."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from services.cli.api import Api
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
        if cancel is not None or resolve is not None:
            if resolve is not None:
                request_id, decision = resolve
                message = api.post("send", f"/v1/messages/{request_id}/resolve", {"decision": decision})
            else:
                message = api.post("send", f"/v1/messages/{cancel}/cancel")
            out.say(f"{escape(message['request_id'])} is {cell(message['state'])}")
            out.value(message)
            return
        found = list(api.pages("send", "/v1/messages", limit, state=state, account_id=account_id))
    out.table(
        found,
        ("request_id", "state", "account_id", "subject", "created_at", "failure.words", "failure.remedy"),
        "No message yet. Send one with `replywire send`.",
    )
