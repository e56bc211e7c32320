"""`replywire replies`: what was answered, newest first."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.api import Api
from services.cli.commands import FOLDER, AsJson, Folder, Limit
from services.cli.output import Output
from services.cli.target import find


def replies(
    request_id: Annotated[str | None, typer.Option("--request", help="Answers to this message alone.")] = None,
    account_id: Annotated[str | None, typer.Option("--account", help="Of this mailbox alone.")] = None,
    message_class: Annotated[
        str | None, typer.Option("--class", help="human, out_of_office, auto_reply, bounce, complaint, …")
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """List detected replies, automatic answers, bounces and complaints."""
    query = {"request_id": request_id, "account_id": account_id, "class": message_class}
    with Api(find(folder)) as api:
        found = list(api.pages("/v1/replies", limit, **query))
    Output(as_json).table(
        found,
        ("received_at", "class", "request_id", "event.sender.email", "event.matched_by", "new_text", "reply_id"),
        "Nothing was answered yet.",
    )
