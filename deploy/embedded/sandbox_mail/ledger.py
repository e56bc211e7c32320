"""What the SMTP side accepted, one JSON line per message: the truth that a test or a person counts by."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Accepted:
    at: str
    """ISO 8601, UTC."""
    message_id: str
    login: str
    sender: str
    recipients: tuple[str, ...]
    size: int


class Ledger:
    """Append-only; a line is on disk before the client reads its 250."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("ab", buffering=0)

    def record(self, *, message_id: str, login: str, sender: str, recipients: tuple[str, ...], size: int) -> None:
        line = Accepted(datetime.now(UTC).isoformat(), message_id, login, sender, recipients, size)
        self._file.write(json.dumps(asdict(line)).encode() + b"\n")
        os.fsync(self._file.fileno())


def read(file: Path) -> Iterator[Accepted]:
    """Every accepted message, oldest first; a last line cut by a crash is left out."""
    if not file.exists():
        return
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            fields = json.loads(line)
            yield Accepted(**{**fields, "recipients": tuple(fields["recipients"])})
