"""`replywire connect smtp-imap`: prove both logins of a mailbox and keep it."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from rich.markup import escape

from services.cli.api import Api
from services.cli.commands import FOLDER, AsJson, Folder, ends_well
from services.cli.errors import UNUSABLE, CannotGoOn
from services.cli.first_sync import follow
from services.cli.output import Output
from services.cli.target import find

app = typer.Typer(no_args_is_help=True)
_SECURITY_OF_PORT = {25: "starttls", 143: "starttls", 465: "tls", 587: "starttls", 993: "tls"}
_PASSWORD = "REPLYWIRE_PASSWORD"  # noqa: S105 - the name of a variable


@app.command("smtp-imap")
@ends_well
def smtp_imap(
    address: Annotated[str, typer.Argument(help="The mailbox's own address.")],
    smtp: Annotated[str, typer.Option(help="Host, or host:port (465 where none is given).")],
    imap: Annotated[str, typer.Option(help="Host, or host:port (993 where none is given).")],
    username: Annotated[str | None, typer.Option(help="Login name, where it is not the address.")] = None,
    name: Annotated[str, typer.Option(help="The sender's name as people see it.")] = "",
    smtp_security: Annotated[str | None, typer.Option(help="tls or starttls; by the port where not given.")] = None,
    imap_security: Annotated[str | None, typer.Option(help="tls or starttls; by the port where not given.")] = None,
    wait: Annotated[bool, typer.Option(help="Show the first sync until it is complete.")] = False,
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Connect a mailbox by SMTP and IMAP. The password is asked for, or read from REPLYWIRE_PASSWORD."""
    out = Output(as_json)
    login = username or address
    body = {
        "client": "smtp_imap",
        "address": address,
        "display_name": name,
        "settings": {
            "smtp": endpoint(smtp, 465, smtp_security, login),
            "imap": endpoint(imap, 993, imap_security, login),
        },
        "secret": {"password": _password(address)},
    }
    with Api(find(folder)) as api:
        with out.people.status("Logging in at both servers …"):
            account = api.post("/v1/accounts", body)
        out.say(f"[green]✓[/green] {escape(account['address'])} is connected as [bold]{account['account_id']}[/bold]")
        if wait:
            done = follow(api, account["account_id"], out)["progress"]["done"]
            out.say(f"[green]✓[/green] Its first sync is complete: {done} messages were judged by their headers")
    out.value(account)


def endpoint(server: str, port: int, security: str | None, username: str) -> dict[str, Any]:
    host, colon, given = server.rpartition(":")
    if colon and given.isdigit():
        port = int(given)
    else:
        host = server
    return {
        "host": host.strip("[]"),
        "port": port,
        "security": security or _SECURITY_OF_PORT.get(port, "tls"),
        "username": username,
    }


def _password(address: str) -> str:
    """Never an argument: those can be read by every user of the machine."""
    given = os.environ.get(_PASSWORD)
    if given:
        return given
    try:
        typed: str = typer.prompt(f"Password of {address}", hide_input=True, err=True)
    except (EOFError, typer.Abort):
        raise CannotGoOn(
            "No password was given.", remedy=f"Type it, or set {_PASSWORD} for scripts.", status=UNUSABLE
        ) from None
    return typed
