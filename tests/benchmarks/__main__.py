"""python -m tests.benchmarks [NAME …]: measure and print the table; the exit status is 1 where a target is missed."""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from pathlib import Path

from tests.benchmarks.table import Row, lines

ALL = ("whole_scan", "sending", "latency", "idle_memory", "judging_store", "judgement")
RESULTS = Path(__file__).parents[2] / "build" / "benchmarks.md"


def main(names: tuple[str, ...]) -> int:
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        module = import_module(f"tests.benchmarks.{name}")
        with asyncio.Runner(loop_factory=getattr(module, "LOOP", None)) as runner:
            rows += runner.run(module.run())
        table = "\n".join(lines(rows))
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(table + "\n")  # as far as we are: what was measured is kept when the next one fails
    print(table)
    return 1 if any(row.reached is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or ALL))
