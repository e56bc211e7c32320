"""`replywire accounts`: the connected mailboxes and how reading them goes."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from services.cli.api import Api, in_path
from services.cli.commands import FOLDER, AsJson, Folder, Limit
from services.cli.output import Output
from services.cli.target import find


def accounts(
    disconnect: Annotated[str | None, typer.Option(help="Disconnect this account and destroy its secret.")] = None,
    limit: Limit = 200,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """List the connected mailboxes, or disconnect one."""
    out = Output(as_json)
    with Api(find(folder)) as api:
        if disconnect is not None:
            api.delete(f"/v1/accounts/{in_path(disconnect)}")
            out.say(f"[green]✓[/green] {escape(disconnect)} is disconnected; its secret is destroyed")
            out.value({"account_id": disconnect, "state": "disconnected"})
            return
        reading = {box["account_id"]: box for box in api.pages("/v1/mailboxes", limit)}
        found = [joined(account, reading) for account in api.pages("/v1/accounts", limit)]
    out.table(
        found,
        ("account_id", "address", "client", "state", "mailbox.state", "mailbox.synced_to", "trouble"),
        "No mailbox is connected. Connect one with `replywire connect smtp-imap`.",
    )


def joined(account: dict[str, Any], reading: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What auth and inbox_sync know of one mailbox."""
    box = reading.get(account["account_id"]) or {}
    trouble = account.get("failure") or box.get("trouble") or {}
    words = " ".join(part for part in (trouble.get("words"), trouble.get("remedy")) if part)
    return {**account, "mailbox": box, "trouble": words}
