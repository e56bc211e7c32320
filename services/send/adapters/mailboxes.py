"""The mailboxes in MongoDB: auth's facts about each, its lease, its rate bucket, and when it must be looked at next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from replywire_contracts.v1.values import Failure

from services.runtime.leases import Lease
from services.runtime.mongo import Collection, Document
from services.send.domain.mailbox import CONNECTED, NEEDS_REAUTH, Mailbox
from services.send.domain.rate import Bucket

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Mailboxes:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def find(self, account: str) -> Mailbox | None:
        document = await self._collection.find_one({"_id": account, "team": {"$exists": True}})
        return None if document is None else mailbox_of(document)

    async def of_team(self, team: str, after: str | None, limit: int) -> list[Mailbox]:
        wanted: Document = {"team": team, **({"_id": {"$gt": after}} if after else {})}
        found = self._collection.find(wanted).sort("_id", 1).limit(limit)
        return [mailbox_of(document) async for document in found]

    async def learn(self, account: str, revision: int, facts: Mapping[str, Any]) -> bool:
        """What auth says. False where something as new is known: events come out of order."""
        await self._collection.update_one(
            {"_id": account},
            {"$setOnInsert": {"owner": None, "token": 0, "until": _LONG_AGO, "wakes": 0, "revision": 0}},
            upsert=True,
        )
        change: Document = {"$set": {**facts, "revision": revision}, "$inc": {"wakes": 1}}
        if facts["account_state"] == NEEDS_REAUTH:
            change["$unset"] = {"next_due": ""}
        else:  # whatever it waited for, it is looked at now
            change["$set"]["next_due"] = datetime.now(UTC)
            change["$unset"] = {"paused_until": "", "pause": ""}
        result = await self._collection.update_one({"_id": account, "revision": {"$lt": revision}}, change)
        return result.matched_count == 1

    async def wake(self, account: str, due: datetime) -> None:
        """Look at it at `due`, or sooner where that is known already; a pause is waited for, and a person."""
        later = {"$min": ["$next_due", {"$max": [{"$literal": due}, "$paused_until"]}]}
        await self._collection.update_one(
            {"_id": account},
            [
                {
                    "$set": {
                        "wakes": {"$add": [{"$ifNull": ["$wakes", 0]}, 1]},
                        "next_due": {"$cond": [{"$eq": ["$account_state", NEEDS_REAUTH]}, "$next_due", later]},
                    }
                }
            ],
        )

    async def to_look_at(self, until: datetime, limit: int) -> list[tuple[str, datetime]]:
        """Mailboxes that nobody holds and whose time comes until then, the most overdue first."""
        free = {"next_due": {"$lte": until}, "$expr": {"$lte": ["$until", "$$NOW"]}}
        found = self._collection.find(free, {"next_due": 1}).sort("next_due", 1).limit(limit)
        return [(document["_id"], document["next_due"]) async for document in found]

    async def rest(self, lease: Lease, seen_wakes: int, next_due: datetime | None) -> bool:
        """Nothing more to do before then. False where the lease is another's, or a wake-up came in between."""
        change: Document = {"$set": {"next_due": next_due}} if next_due else {"$unset": {"next_due": ""}}
        result = await self._collection.update_one({**_held(lease), "wakes": seen_wakes}, change)
        return result.matched_count == 1

    async def pause(self, lease: Lease, until: datetime, why: Failure) -> None:
        change = {"$set": {"paused_until": until, "pause": why.model_dump(), "next_due": until}}
        await self._collection.update_one(_held(lease), change)

    async def resume(self, lease: Lease) -> None:
        await self._collection.update_one(_held(lease), {"$unset": {"paused_until": "", "pause": ""}})

    async def save_bucket(self, lease: Lease, bucket: Bucket) -> bool:
        """Before what was taken from it leaves. False where the lease is another's."""
        change = {"$set": {"bucket": {"tokens": bucket.tokens, "at": bucket.at}}}
        result = await self._collection.update_one(_held(lease), change)
        return result.matched_count == 1

    async def heal(self, account: str, due: datetime) -> None:
        """There is work for then: see that somebody will look. Nothing is written where somebody will."""
        then = {"$max": [{"$literal": due}, "$paused_until"]}
        forgotten = {"$or": [{"$eq": [{"$type": "$next_due"}, "missing"]}, {"$gt": ["$next_due", then]}]}
        await self._collection.update_one(
            {"_id": account, "account_state": {"$ne": NEEDS_REAUTH}, "$expr": forgotten},
            [{"$set": {"next_due": then, "wakes": {"$add": [{"$ifNull": ["$wakes", 0]}, 1]}}}],
        )


def _held(lease: Lease) -> Document:
    return {"_id": lease.key, "owner": lease.owner, "token": lease.token}


def mailbox_of(document: Mapping[str, Any]) -> Mailbox:
    bucket = document.get("bucket") or {}
    return Mailbox(
        account=document["_id"],
        team=document["team"],
        client=document["client"],
        address=document["address"],
        account_state=document.get("account_state", CONNECTED),
        revision=document.get("revision", 0),
        wakes=document.get("wakes", 0),
        paused_until=document.get("paused_until"),
        pause=document.get("pause"),
        bucket_tokens=bucket.get("tokens"),
        bucket_at=bucket.get("at"),
    )
