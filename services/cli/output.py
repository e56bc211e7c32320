"""What commands print: tables and sentences for people, one JSON value (or one a line) with `--json` for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.errors import CannotGoOn

_STATES = {
    **dict.fromkeys(("ready", "connected", "watching", "sent", "human", "found", "ok"), "green"),
    **dict.fromkeys(("failed", "unconfirmed", "needs_reauth", "ended", "stalled", "bounce", "complaint"), "red"),
    **dict.fromkeys(("deferred", "starting", "queued", "unknown", "syncing", "stopping", "waiting"), "yellow"),
}


class Output:
    """`as_json`: nothing but JSON goes to standard output; people read on standard error."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.people = Console(stderr=as_json, highlight=False)

    def say(self, text: str) -> None:
        """Markup is rendered: escape what comes from elsewhere."""
        self.people.print(text)

    def value(self, value: Any) -> None:
        """The command's result, for scripts; people have been told."""
        if self.as_json:
            print(json.dumps(value, default=str, ensure_ascii=False), flush=True)

    def table(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], nothing: str) -> None:
        """`columns` name the fields of a row: `address`, `failure.words`."""
        found = list(rows)
        self.value(found)
        if self.as_json:
            return
        if not found:
            self.people.print(nothing)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.rpartition(".")[2].replace("_", " "), overflow="fold")
        for row in found:
            table.add_row(*(cell(_field(row, column)) for column in columns))
        self.people.print(table)

    def error(self, error: CannotGoOn) -> None:
        if self.as_json:
            print(json.dumps({"error": str(error), "code": error.code, "remedy": error.remedy}))
        console = Console(stderr=True, highlight=False)
        console.print(f"[red]✗[/red] {escape(str(error))}")
        if error.remedy:
            console.print(f"  → {escape(error.remedy)}")


def cell(value: Any) -> str:
    text = "" if value is None else str(value)
    color = _STATES.get(text)
    safe = escape(text)
    return f"[{color}]{safe}[/{color}]" if color else safe


def _field(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
