"""Who may work on what, for a while: leases by the server's clock with fencing numbers. No client clock is trusted.

A holder that slept past its lease is told apart by `token`: every write it guards names it in its filter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES, Collection, DuplicateKey

_AWAY: tuple[type[Exception], ...] = (*OUTAGES, TimeoutError)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    key: str
    owner: str
    token: int
    """Grows every time that somebody takes it."""
    lost: asyncio.Event = field(default_factory=asyncio.Event, compare=False, repr=False)
    """Set by `keep` once the lease can no longer be relied on."""


class Leases:
    """Documents `{_id: key, owner, token, until, **facts}` of one collection."""

    def __init__(self, collection: Collection, owner: str, ttl: timedelta = timedelta(seconds=30)) -> None:
        self._collection = collection
        self.owner = owner
        self.ttl = ttl
        self._until = {"$add": ["$$NOW", int(ttl.total_seconds() * 1000)]}

    async def acquire(self, key: str, **facts: Any) -> Lease | None:
        """None while another holds it. One's own is taken anew, under a new number: what the former holding has left
        half done is then as foreign as another's."""
        free = {"_id": key, "$expr": {"$or": [{"$lte": ["$until", "$$NOW"]}, {"$eq": ["$owner", self.owner]}]}}
        taken = {"token": {"$add": ["$token", 1]}, "owner": self.owner, "until": self._until, **_literal(facts)}
        document = await self._collection.find_one_and_update(free, [{"$set": taken}], return_document=True)
        if document is None and await self._create(key):
            document = await self._collection.find_one_and_update(free, [{"$set": taken}], return_document=True)
        return None if document is None else Lease(key, self.owner, document["token"])

    async def _create(self, key: str) -> bool:
        """`$expr` cannot be upserted, so the document comes first. False where it exists: somebody holds it."""
        try:
            await self._collection.insert_one({"_id": key, "owner": None, "token": 0, "until": _LONG_AGO})
        except DuplicateKey:
            return False
        return True

    async def renew(self, lease: Lease) -> bool:
        """False once another owner has had it."""
        return not await self.renew_all((lease,))

    async def renew_all(self, leases: Iterable[Lease]) -> frozenset[str]:
        """One write for all of them: the keys of those that are lost."""
        held = {lease.key: lease.token for lease in leases}
        if not held:
            return frozenset()
        ours = {"_id": {"$in": list(held)}, "owner": self.owner}
        await self._collection.update_many(ours, [{"$set": {"until": self._until}}])
        kept = {
            document["_id"]
            async for document in self._collection.find(ours, {"token": 1})
            if document["token"] == held[document["_id"]]
        }
        return frozenset(held.keys() - kept)

    async def release(self, lease: Lease) -> None:
        """Free for others at once. Nothing happens where it is another's by now."""
        await self._collection.update_one(
            {"_id": lease.key, "owner": self.owner, "token": lease.token},
            {"$set": {"owner": None, "until": _LONG_AGO}},
        )

    @asynccontextmanager
    async def keep(self, lease: Lease) -> AsyncIterator[Lease]:
        """Renew it every third of its time, release it at the end. `lease.lost` is set when it is another's, or when
        the database was away for so long that it may be."""
        renewing = asyncio.create_task(self._keep_renewing(lease), name=f"lease {lease.key}")
        try:
            yield lease
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            if not lease.lost.is_set():
                await self._let_go(lease)

    async def _let_go(self, lease: Lease) -> None:
        """What was done under it stays done, whether or not the database takes this."""
        try:
            await self.release(lease)
        except _AWAY as outage:
            _log.info("lease not released: it runs out by itself", lease=lease.key, error=str(outage))

    async def _keep_renewing(self, lease: Lease) -> None:
        loop = asyncio.get_running_loop()
        relied_on_until = loop.time() + self.ttl.total_seconds()
        while True:
            await asyncio.sleep(self.ttl.total_seconds() / 3)
            asked = loop.time()
            try:
                async with asyncio.timeout_at(relied_on_until):
                    held = await self.renew(lease)
            except _AWAY:
                held = loop.time() < relied_on_until
            else:
                relied_on_until = asked + self.ttl.total_seconds()
            if not held:
                lease.lost.set()
                return


def _literal(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"$literal": value} for name, value in facts.items()}
