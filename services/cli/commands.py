"""The options every command shares, and how a command's end becomes an exit status."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from services.cli.errors import CannotGoOn
from services.cli.output import Output
from services.cli.target import DEFAULT_FOLDER

P = ParamSpec("P")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone, for scripts.")]
Folder = Annotated[
    Path, typer.Option("--folder", envvar="REPLYWIRE_FOLDER", help="Where the embedded stack keeps its data.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most this many.")]
FOLDER = DEFAULT_FOLDER


def ends_well(command: Callable[P, None]) -> Callable[P, None]:
    """`CannotGoOn` becomes its text, its remedy and its exit status; Ctrl-C becomes 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CannotGoOn as error:
            Output(bool(kwargs.get("as_json"))).error(error)
            raise typer.Exit(error.status) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run
