"""What a benchmark says: a figure, what it is compared with in the same run, and what it has to reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    figure: float
    unit: str
    peer: str = ""
    """What else was measured in the same run, on the same machine and data."""
    peer_figure: float | None = None
    target: str = ""
    """As the issue states it, in words."""
    reached: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.peer_figure else self.figure / self.peer_figure


def lines(rows: Iterable[Row]) -> list[str]:
    """A Markdown table."""
    table = ["| what | figure | peer, same run | ratio | to reach | reached | note |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        peer = f"{row.peer}: {_number(row.peer_figure)}" if row.peer_figure is not None else row.peer
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        reached = {None: "", True: "yes", False: "**no**"}[row.reached]
        figure = f"{_number(row.figure)} {row.unit}"
        table.append(f"| {row.name} | {figure} | {peer} | {ratio} | {row.target} | {reached} | {row.note} |")
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
