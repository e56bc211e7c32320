"""A team's own mailbox addresses in MongoDB, learnt from what passes by, until they are disconnected; asked only about
senders of matches."""

from __future__ import annotations

from collections.abc import Collection

from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Database


class MongoOwnAddresses:
    def __init__(self, db: Database) -> None:
        self._collection = db["own_addresses"]
        self._writes = GroupCommit(self._collection)
        self._known: set[str] = set()

    async def learn(self, team_id: str, addresses: Collection[str]) -> None:
        for identity in {_identity(team_id, address) for address in addresses} - self._known:
            await self._writes.insert({"_id": identity})
            self._known.add(identity)

    async def connected(self, team_id: str, address: str, revision: int) -> None:
        await self._tell(_identity(team_id, address), revision, gone=False)

    async def disconnected(self, team_id: str, address: str, revision: int) -> None:
        await self._tell(_identity(team_id, address), revision, gone=True)

    async def among(self, team_id: str, addresses: Collection[str]) -> frozenset[str]:
        by_identity = {_identity(team_id, address): address.lower() for address in addresses}
        found = self._collection.find({"_id": {"$in": list(by_identity)}, "gone": {"$ne": True}})
        return frozenset([by_identity[document["_id"]] async for document in found])

    async def _tell(self, identity: str, revision: int, *, gone: bool) -> None:
        await self._writes.insert({"_id": identity})
        older = {"_id": identity, "revision": {"$not": {"$gte": revision}}}
        await self._collection.update_one(older, {"$set": {"revision": revision, "gone": gone}})

    async def close(self) -> None:
        await self._writes.close()


def _identity(team_id: str, address: str) -> str:
    return f"{team_id}/{address.lower()}"
