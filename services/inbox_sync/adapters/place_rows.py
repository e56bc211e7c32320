"""How a folder's place lies in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.inbox_sync.domain.places import Place, Run, RunKind


def place_id(account_id: str, folder_id: str) -> str:
    return f"{account_id}/{folder_id}"


def place_row(place: Place) -> dict[str, Any]:
    run = place.run
    return {
        "folder_id": place.folder_id,
        "name": place.name,
        "cursor": place.cursor,
        "seen_at": place.seen_at,
        "run": None
        if run is None
        else {
            "kind": run.kind.value,
            "since": run.since,
            "reason": run.reason,
            "judged": run.judged,
            "found": run.found,
            "key": run.key,
        },
    }


def read_place(row: Mapping[str, Any]) -> Place:
    run = row["run"]
    return Place(
        folder_id=row["folder_id"],
        name=row["name"],
        cursor=row["cursor"],
        seen_at=row["seen_at"],
        run=None if run is None else Run(**{**run, "kind": RunKind(run["kind"])}),
    )
