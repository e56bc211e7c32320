"""The mailboxes in MongoDB: auth's accounts as projected from its events, and how the reading of each goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from replywire_contracts.event import Event

from services.inbox_sync.adapters.mailbox_rows import (
    progress_row,
    read_assignment,
    read_mailbox,
    recorded,
    trouble_row,
)
from services.inbox_sync.domain.mailboxes import (
    CONNECTED,
    Account,
    Assignment,
    Fence,
    Mailbox,
    Resync,
    State,
    SyncProgress,
)
from services.inbox_sync.domain.stalls import Trouble
from services.inbox_sync.ports import LeaseLost
from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Database, DuplicateKey
from services.runtime.owed import OwedEvents, owe

_STRAGGLERS = timedelta(seconds=10)
"""A write takes its time stamp before it can be read: the next look goes back this far."""
_ASSIGNMENT = {"client": 1, "connection": 1, "revision": 1, "refused_revision": 1, "resync": 1, "changed": 1}


class MongoMailboxes:
    def __init__(self, db: Database, writes: GroupCommit, owed: OwedEvents) -> None:
        """`writes` and `owed` are those of the collection `mailboxes`."""
        self._mailboxes = db["mailboxes"]
        self._writes = writes
        self._owed = owed

    async def record(self, account: Account) -> bool:
        try:
            done = await self._mailboxes.update_one(
                {"_id": account.account_id, "revision": {"$lt": account.revision}}, recorded(account), upsert=True
            )
        except DuplicateKey:
            return False  # the upsert met a row with this revision or a newer one
        return bool(done.matched_count or done.upserted_id is not None)

    async def assignments(
        self, changed_since: datetime | None
    ) -> tuple[Mapping[str, Assignment | None], datetime | None]:
        query = {} if changed_since is None else {"changed": {"$gte": changed_since - _STRAGGLERS}}
        found: dict[str, Assignment | None] = {}
        mark = changed_since
        async for row in self._mailboxes.find(query, _ASSIGNMENT):
            found[row["_id"]] = read_assignment(row)
            mark = row["changed"] if mark is None else max(mark, row["changed"])
        return found, mark

    async def claim(self, fence: Fence, holder: str) -> Mailbox | None:
        row = await self._mailboxes.find_one_and_update(
            {"_id": fence.account_id, "token": {"$lte": fence.token}},
            {"$set": {"token": fence.token, "holder": holder}, "$inc": {"starts": 1}},
            return_document=True,
        )
        if row is not None:
            return read_mailbox(row)
        if await self._mailboxes.find_one({"_id": fence.account_id}, {"_id": 1}) is not None:
            raise LeaseLost
        return None

    async def note(
        self,
        fence: Fence,
        state: State,
        *,
        synced_to: datetime | None = None,
        trouble: Trouble | None = None,
        progress: SyncProgress | None = None,
        clean: bool = False,
        owed: Sequence[Event] = (),
    ) -> None:
        values: dict[str, Any] = {"state": state.value, "trouble": None if trouble is None else trouble_row(trouble)}
        if synced_to is not None:
            values["synced_to"] = synced_to
        if progress is not None:
            values["progress"] = progress_row(progress)
        if clean:
            values["starts"] = 0
        elements = [owe(event) for event in owed]
        update: dict[str, Any] = {"$set": values}
        if elements:
            update["$push"] = {"owed": {"$each": elements}}
        await self._write(fence, update)
        await self._owed.settle(fence.account_id, elements)

    async def begin_resync(self, fence: Fence, key: str, progress: SyncProgress) -> None:
        """`changed` stays: who reads already knows."""
        await self._mailboxes.update_one(
            {"_id": fence.account_id, "token": fence.token, "resync.key": key},
            {"$set": {"resync.begun": True, "progress": progress_row(progress)}},
        )

    async def reject(self, fence: Fence, revision: int, trouble: Trouble) -> None:
        values = {
            "refused_revision": revision,
            "state": State.NEEDS_REAUTH.value,
            "trouble": trouble_row(trouble),
        }
        await self._write(fence, {"$set": values, "$currentDate": {"changed": True}})

    async def _write(self, fence: Fence, update: dict[str, Any]) -> None:
        if not await self._writes.update({"_id": fence.account_id, "token": fence.token}, update):
            raise LeaseLost

    async def let_go(self, fence: Fence) -> None:
        await self._writes.update(
            {"_id": fence.account_id, "token": fence.token}, {"$set": {"holder": None, "starts": 0}}
        )

    async def try_again(self, account_id: str, revision: int) -> bool:
        done = await self._mailboxes.update_one(
            {"_id": account_id, "revision": revision, "connection": CONNECTED, "refused_revision": {"$gte": revision}},
            {
                "$unset": {"refused_revision": ""},
                "$set": {"state": State.WAITING.value},
                "$currentDate": {"changed": True},
            },
        )
        return bool(done.matched_count)

    async def revisions(self, account_ids: Collection[str]) -> Mapping[str, tuple[int, int]]:
        wanted = {"revision": 1, "refused_revision": 1}
        found = self._mailboxes.find({"_id": {"$in": list(account_ids)}}, wanted)
        return {row["_id"]: (row["revision"], row.get("refused_revision", 0)) async for row in found}

    async def ask_again(self, team_id: str, account_id: str, resync: Resync) -> bool:
        asked = await self._mailboxes.update_one(
            {"_id": account_id, "team_id": team_id, "connection": CONNECTED},
            {
                "$set": {"resync": {"key": resync.key, "since": resync.since, "begun": False}},
                "$currentDate": {"changed": True},
            },
        )
        return bool(asked.matched_count)

    async def of_team(self, team_id: str, account_id: str) -> Mailbox | None:
        row = await self._mailboxes.find_one({"_id": account_id, "team_id": team_id})
        return None if row is None else read_mailbox(row)

    async def page(self, team_id: str, after: str | None, limit: int) -> Sequence[Mailbox]:
        query: dict[str, Any] = {"team_id": team_id}
        if after is not None:
            query["_id"] = {"$gt": after}
        return [read_mailbox(row) async for row in self._mailboxes.find(query).sort("_id", 1).limit(limit)]
