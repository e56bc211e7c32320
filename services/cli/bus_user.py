"""`replywire bus-user`: credentials of the bus for the code of a team that sends by itself (the External client)."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.commands import FOLDER, AsJson, Folder
from services.cli.errors import CannotGoOn
from services.cli.output import Output


def bus_user(
    team: Annotated[str, typer.Option("--team", help="Whose subjects it may ask on.")],
    as_json: AsJson = False,
    folder: Folder = FOLDER,
) -> None:
    """Make or renew the user that a team's own code works as on NATS; its password is shown once."""
    from deploy.embedded.bus_users import give

    out = Output(as_json)
    try:
        made = give(folder.resolve(), team)
    except LookupError as wrong:
        raise CannotGoOn(str(wrong), remedy="Give letters, digits, - and _, at most 64.") from wrong
    out.say(f"user      {made.user}")
    out.say(f"password  {made.password}")
    out.say("It works now." if made.at_once else "It works from the next `replywire up` on.")
    out.value({"user": made.user, "password": made.password, "at_once": made.at_once})
