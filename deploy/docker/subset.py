"""The part of requirements.lock that one image needs: `python deploy/docker/subset.py send > send.lock`.

Standard library alone: it runs in a bare image, before anything is installed. Hashes and versions stay as locked.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "auth": ("auth",),
    "send": ("send",),
    "inbox_sync": ("inbox-sync",),
    "reply_matching": ("reply-matching",),
    "provision": (),
    "sandbox_mail": ("sandbox",),
    "setup": ("setup",),
}
"""Which extras of pyproject.toml an image has. `setup` is what the packages are built with."""

_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Locked:
    name: str
    text: str
    """As it stands in the lock: version, marker, hashes."""
    via: frozenset[str]
    """Who requires it."""


def read_lock(text: str) -> dict[str, Locked]:
    starts = [match.start() for match in _ENTRY.finditer(text)]
    found = {}
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        lines = text[start:end].splitlines()
        pinned = [line for line in lines if not line.lstrip().startswith("#")]
        comments = [line.strip("# ").removeprefix("via ") for line in lines if line.lstrip().startswith("#")]
        match = _NAME.match(lines[0])
        assert match is not None
        name = normal(match[0])
        found[name] = Locked(name, "\n".join(pinned).strip(), frozenset(normal(c) for c in comments if _NAME.match(c)))
    return found


def closure(lock: Mapping[str, Locked], roots: Iterable[str]) -> list[Locked]:
    """The roots and everything any of them needs. Raises `KeyError` for a root that is not locked."""
    wanted = {normal(root) for root in roots}
    for root in wanted:
        _ = lock[root]
    while True:
        more = {entry.name for entry in lock.values() if entry.via & wanted} - wanted
        if not more:
            return [entry for name, entry in sorted(lock.items()) if name in wanted]
        wanted |= more


def roots_of(pyproject: Mapping[str, object], image: str) -> list[str]:
    """The packages that pyproject.toml names for this image: those of every service, and its own extras."""
    project = pyproject["project"]
    assert isinstance(project, dict)
    named = [] if image == "setup" else list(project["dependencies"])
    for extra in EXTRAS[image]:
        named += project["optional-dependencies"][extra]
    names = [match[0] for line in named if (match := _NAME.match(line))]
    return [name for name in names if not name.startswith("replywire")]


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name.split("[")[0].split(" ")[0]).lower()


def subset(root: Path, image: str) -> str:
    pyproject = tomllib.loads((root / "pyproject.toml").read_text())
    lock = read_lock((root / "requirements.lock").read_text())
    return "\n".join(entry.text for entry in closure(lock, roots_of(pyproject, image))) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        sys.exit(f"usage: subset.py {'|'.join(EXTRAS)}")
    sys.stdout.write(subset(Path(__file__).parents[2], sys.argv[1]))
