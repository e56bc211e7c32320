"""Cursors and finds in MongoDB: they move in one transaction, under the lease's fencing number, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from services.inbox_sync.adapters.find_rows import FindRows
from services.inbox_sync.adapters.place_rows import place_id, place_row, read_place
from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.mailboxes import Fence
from services.inbox_sync.domain.places import Place
from services.inbox_sync.ports import Committed, LeaseLost, Step
from services.runtime.mongo import Client, Database, Document, DuplicateKey, Session, UpdateOne, with_transaction
from services.runtime.owed import OwedEvents, owe


class MongoLedger:
    def __init__(self, client: Client, db: Database, rows: FindRows, owed: OwedEvents) -> None:
        """`owed`: the owed events of the mailboxes' documents."""
        self._client = client
        self._cursors = db["cursors"]
        self._finds = db["finds"]
        self._mailboxes = db["mailboxes"]
        self._rows = rows
        self._owed = owed

    async def claim(self, fence: Fence) -> Mapping[str, Place]:
        await self._cursors.update_many(
            {"account_id": fence.account_id, "token": {"$lt": fence.token}}, {"$set": {"token": fence.token}}
        )
        places: dict[str, Place] = {}
        async for row in self._cursors.find({"account_id": fence.account_id}):
            if row["token"] > fence.token:
                raise LeaseLost
            places[row["folder_id"]] = read_place(row)
        return places

    async def commit(self, fence: Fence, finds: Sequence[Find], step: Callable[[int], Step] | None) -> Committed:
        rows = [self._rows.row(find) for find in finds]

        async def together(session: Session) -> Committed:
            new = await self._insert(rows, session)
            fresh = tuple(find for find in finds if find.id in new)
            if step is None:
                return Committed(fresh)
            after = step(len(fresh))
            await self._move(fence, after.place, session)
            owed = [owe(event) for event in after.owed]
            if owed:
                await self._owe(fence, owed, session)
            return Committed(fresh, tuple(owed))

        try:
            if step is not None and not rows:
                alone = step(0)
                if not alone.owed:
                    await self._move(fence, alone.place, None)
                    return Committed(())
            return await with_transaction(self._client, together)
        except DuplicateKey:
            raise LeaseLost from None

    async def settle(self, fence: Fence, committed: Committed) -> None:
        await self._owed.settle(fence.account_id, committed.owed)

    async def forget(self, account_id: str) -> None:
        await self._cursors.delete_many({"account_id": account_id})

    async def _insert(self, rows: Sequence[Document], session: Session) -> frozenset[str]:
        """The ids of those that were not known. An upsert tells, where an insert would end the transaction."""
        if not rows:
            return frozenset()
        writes = [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows]
        result = await self._finds.bulk_write(writes, ordered=False, session=session)
        return frozenset((result.upserted_ids or {}).values())

    async def _move(self, fence: Fence, place: Place, session: Session | None) -> None:
        """Where a higher number has been written the filter misses, and the upsert meets the existing `_id`."""
        await self._cursors.update_one(
            {"_id": place_id(fence.account_id, place.folder_id), "token": {"$lte": fence.token}},
            {"$set": {"account_id": fence.account_id, "token": fence.token, **place_row(place)}},
            upsert=True,
            session=session,
        )

    async def _owe(self, fence: Fence, owed: Sequence[Document], session: Session) -> None:
        written = await self._mailboxes.update_one(
            {"_id": fence.account_id, "token": fence.token}, {"$push": {"owed": {"$each": list(owed)}}}, session=session
        )
        if not written.matched_count:
            raise LeaseLost
