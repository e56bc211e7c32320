"""Our source files as Python reads them: what each imports, and where it lies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ("auth", "send", "inbox_sync", "reply_matching")


def files(under: str) -> list[Path]:
    return sorted((ROOT / under).rglob("*.py"))


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), name(file))


@cache
def imports(file: Path) -> tuple[str, ...]:
    """The full name of everything imported, wherever in the file: `motor.motor_asyncio`."""
    return tuple(_imported(file))


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def top(module: str) -> str:
    return module.partition(".")[0]


def importers(package: str, under: str = "services") -> set[str]:
    return {name(file) for file in files(under) if any(top(module) == package for module in imports(file))}
