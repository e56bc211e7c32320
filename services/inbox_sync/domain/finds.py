"""A find: one matched message, the only mail this service ever holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Find:
    """`raw` is None where the message was gone, or could not be fetched, after its headers matched; then `block` speaks
    for it."""

    id: str
    team_id: str
    account_id: str
    ref: str
    received_at: datetime
    found_at: datetime
    raw: bytes | None = field(repr=False)
    block: bytes = field(repr=False)
    thread: str | None = None
    truncated: bool = False
    request_id: str | None = None

    @property
    def size(self) -> int:
        return len(self.block) + (len(self.raw) if self.raw is not None else 0)
