"""What commands print: tables and sentences for people, one JSON value (or one a line) with `--json` for scripts."""

from __future__ import annotations

import json
import re
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
_PROSE, _GAP = 32, 2
"""Up to this width a cell stays in one piece; what is longer folds."""
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")


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
        names = [column.rpartition(".")[2] for column in columns]
        headings = [
            (column.replace(".", " ") if names.count(name) > 1 else name).replace("_", " ")
            for column, name in zip(columns, names, strict=True)
        ]
        cells = [[_shown(_field(row, column)) for column in columns] for row in found]
        widths = [max(map(len, (heading, *column))) for heading, *column in zip(headings, *cells, strict=True)]
        if sum(min(width, _PROSE) + _GAP for width in widths) > self.people.width:
            self._records(headings, cells)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading, width in zip(headings, widths, strict=True):
            table.add_column(heading, overflow="fold", no_wrap=width <= _PROSE)
        for row in cells:
            table.add_row(*(cell(text) for text in row))
        self.people.print(table)

    def _records(self, headings: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        """Where a table would be cut into pieces that nobody can read or copy: one line for each that is not empty."""
        for row in cells:
            self.people.print(f"[bold]{escape(row[0])}[/bold]", soft_wrap=True)
            for heading, text in list(zip(headings, row, strict=True))[1:]:
                if text:
                    self.people.print(f"  {heading}: {cell(text)}", soft_wrap=True)

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


def _shown(value: Any) -> str:
    """Times to the second, with a space to break at."""
    return _TIME.sub(r"\1 \2Z", "" if value is None else str(value))


def _field(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
