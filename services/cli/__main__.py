"""`replywire`: every command with its sentence; each lives in the file of its name."""

from __future__ import annotations

import typer

from services.cli import (
    accounts,
    bus_user,
    connect,
    dead_letters,
    demo,
    doctor,
    explain,
    messages,
    replies,
    rotate_keys,
    send,
    up,
    watch,
)
from services.cli.commands import ends_well

app = typer.Typer(
    name="replywire",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # its boxes print local variables, and those hold passwords
    help="Send from each user's own mailbox; know within seconds who answered.",
)
app.command()(ends_well(up.up))
app.command()(ends_well(demo.demo))
app.add_typer(connect.app, name="connect", help="Connect a mailbox.")
app.command()(ends_well(accounts.accounts))
app.command()(ends_well(send.send))
app.command()(ends_well(messages.messages))
app.command()(ends_well(replies.replies))
app.command()(ends_well(watch.watch))
app.command()(ends_well(doctor.doctor))
app.command()(ends_well(explain.explain))
app.add_typer(dead_letters.app, name="dead-letters", help="What a service could not carry out.")
app.command("bus-user")(ends_well(bus_user.bus_user))
app.command("rotate-keys")(ends_well(rotate_keys.rotate_keys))


def main() -> None:
    app()


if __name__ == "__main__":
    main()
