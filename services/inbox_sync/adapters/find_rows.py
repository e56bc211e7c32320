"""How a find lies in the database: its place in the open, its octets sealed and for a limited time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.inbox_sync.adapters.seal import FindSeal
from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.windows import ask_again


class FindRows:
    def __init__(self, seal: FindSeal, kept_for: timedelta) -> None:
        self._seal = seal
        self._kept_for = kept_for

    def row(self, find: Find) -> dict[str, Any]:
        octets = find.block if find.raw is None else find.raw
        return {
            "_id": find.id,
            "team_id": find.team_id,
            "account_id": find.account_id,
            "ref": find.ref,
            "received_at": find.received_at,
            "found_at": find.found_at,
            "thread": find.thread,
            "truncated": find.truncated,
            "gone": find.raw is None,
            "request_id": find.request_id,
            "sealed": self._seal.seal(octets, _belongs_to(find.account_id, find.id)),
            "tries": 1,
            "due": find.found_at + ask_again(1),
            "expires_at": find.found_at + self._kept_for,
        }

    def opened(self, row: Mapping[str, Any]) -> Find:
        """Raises `CannotOpen`."""
        octets = self._seal.open(row["sealed"], _belongs_to(row["account_id"], row["_id"]))
        return Find(
            id=row["_id"],
            team_id=row["team_id"],
            account_id=row["account_id"],
            ref=row["ref"],
            received_at=row["received_at"],
            found_at=row["found_at"],
            raw=None if row["gone"] else octets,
            block=octets if row["gone"] else b"",
            thread=row["thread"],
            truncated=row["truncated"],
            request_id=row["request_id"],
        )


def _belongs_to(account_id: str, find_id: str) -> str:
    return f"{account_id}/{find_id}"
