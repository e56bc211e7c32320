"""How a mailbox lies in the database: auth's word, our state, and the events owed about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from replywire_contracts.v1.values import Failure

from services.inbox_sync.domain.mailboxes import (
    CONNECTED,
    DISCONNECTED,
    NEEDS_REAUTH,
    Account,
    Assignment,
    Mailbox,
    Resync,
    State,
    SyncProgress,
)
from services.inbox_sync.domain.stalls import Trouble

_OF_ONE_CONNECTION = ("progress", "trouble", "resync", "synced_to")
"""What a mailbox that was disconnected in between does not keep."""


def recorded(account: Account) -> list[dict[str, Any]]:
    """The update that takes in auth's word. A reconnected mailbox starts afresh; a refreshed one goes on."""
    was_there = {"$in": [{"$ifNull": ["$connection", DISCONNECTED]}, [CONNECTED, NEEDS_REAUTH]]}
    refused = {"$eq": ["$state", State.NEEDS_REAUTH.value]}
    return [
        {
            "$set": {
                "team_id": {"$literal": account.team_id},
                "client": {"$literal": account.client},
                "address": {"$literal": account.address},
                "revision": account.revision,
                "at": account.at,
                "connected_at": {"$cond": [was_there, "$connected_at", account.at]},
                "state": {"$cond": [refused, State.WAITING.value, {"$ifNull": ["$state", State.WAITING.value]}]},
                "connection": {"$literal": account.connection},
                "changed": "$$NOW",
                "token": {"$ifNull": ["$token", 0]},
                "starts": {"$ifNull": ["$starts", 0]},
                "owed": {"$ifNull": ["$owed", []]},
                **{name: {"$cond": [was_there, f"${name}", "$$REMOVE"]} for name in _OF_ONE_CONNECTION},
            }
        }
    ]


def read_assignment(row: Mapping[str, Any]) -> Assignment | None:
    """None where it should not be read: not connected, or refused in this very revision."""
    if row["connection"] != CONNECTED or row.get("refused_revision", 0) >= row["revision"]:
        return None
    return Assignment(row["_id"], row["client"], row["revision"], (row.get("resync") or {}).get("key", ""))


def read_account(row: Mapping[str, Any]) -> Account:
    return Account(
        account_id=row["_id"],
        team_id=row["team_id"],
        client=row["client"],
        address=row["address"],
        connection=row["connection"],
        revision=row["revision"],
        at=row["at"],
    )


def read_mailbox(row: Mapping[str, Any]) -> Mailbox:
    trouble = row.get("trouble")
    progress = row.get("progress")
    resync = row.get("resync")
    return Mailbox(
        account=read_account(row),
        state=State(row["state"]),
        connected_at=row["connected_at"],
        holder=row.get("holder"),
        synced_to=row.get("synced_to"),
        trouble=None if trouble is None else read_trouble(trouble),
        progress=None if progress is None else SyncProgress(**progress),
        resync=None if resync is None or resync["begun"] else Resync(resync["key"], resync["since"]),
        unclean_starts=row["starts"],
    )


def trouble_row(trouble: Trouble) -> dict[str, Any]:
    return {"since": trouble.since, "failure": trouble.failure.model_dump(), "announced": trouble.announced}


def read_trouble(row: Mapping[str, Any]) -> Trouble:
    return Trouble(since=row["since"], failure=Failure.model_validate(row["failure"]), announced=row["announced"])


def progress_row(progress: SyncProgress) -> dict[str, Any]:
    return asdict(progress)
