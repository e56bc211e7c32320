"""The engine's accounts in MongoDB, and the ring their credentials are sealed by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.inbox_sync.adapters.seal import read_keys
from services.inbox_sync.domain.engine_accounts import EngineAccount
from services.runtime.envelopes import SealedBox
from services.runtime.key_ring import KeyRing
from services.runtime.mongo import Database, Document

_PURPOSE = b"replywire engine accounts v1"


def engine_ring(find_keys: str) -> KeyRing:
    """Keys of their own, made of the operator's: what opens the one kind of box opens no other.

    Raises `ValueError` without a usable key."""
    ring: dict[str, bytes] = {}
    for key in read_keys(find_keys):
        derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(key)
        ring[hashlib.sha256(derived).hexdigest()[:12]] = derived
    return KeyRing(next(iter(ring)), ring)


class MongoEngineAccounts:
    def __init__(self, db: Database) -> None:
        self._accounts = db["engine_accounts"]

    async def add(self, account: EngineAccount) -> None:
        await self._accounts.insert_one(
            {
                "_id": account.token_hash,
                "team_id": account.team_id,
                "account_id": account.account_id,
                "client": account.client,
                "address": account.address,
                "settings": dict(account.settings),
                "box": _box_fields(account.box),
                "opened_at": account.opened_at,
                "due": account.due,
            }
        )

    async def claim(self, token_hash: str, account_id: str, revision: int) -> bool:
        claimed = await self._accounts.update_one(
            {"_id": token_hash, "account_id": account_id}, {"$max": {"claimed": revision}, "$unset": {"due": ""}}
        )
        return bool(claimed.matched_count)

    async def destroy(self, team_id: str, account_id: str, token_hash: str) -> bool:
        gone = await self._accounts.delete_one({"_id": token_hash, "team_id": team_id, "account_id": account_id})
        return bool(gone.deleted_count)

    async def destroy_claimed(self, account_id: str, before: int) -> int:
        gone = await self._accounts.delete_many({"account_id": account_id, "claimed": {"$lt": before}})
        return int(gone.deleted_count)

    async def overdue(self, now: datetime, limit: int) -> Sequence[EngineAccount]:
        found = self._accounts.find({"due": {"$lte": now}}).sort("due", 1).limit(limit)
        return [_read(row) async for row in found]

    async def claimed_page(self, after: str, limit: int) -> Sequence[EngineAccount]:
        wanted = {"_id": {"$gt": after}, "claimed": {"$exists": True}}
        return [_read(row) async for row in self._accounts.find(wanted).sort("_id", 1).limit(limit)]

    async def under_other_keys(self, key_id: str, limit: int) -> Sequence[EngineAccount]:
        return [_read(row) async for row in self._accounts.find({"box.key_id": {"$ne": key_id}}).limit(limit)]

    async def rewrap(self, account: EngineAccount, box: SealedBox) -> bool:
        as_read = {"_id": account.token_hash, "box.wrapped_key": account.box.wrapped_key}
        written = await self._accounts.update_one(as_read, {"$set": {"box": _box_fields(box)}})
        return bool(written.matched_count)


def _box_fields(box: SealedBox) -> dict[str, Any]:
    return {"key_id": box.key_id, "wrapped_key": box.wrapped_key, "sealed": box.sealed}


def _read(row: Document) -> EngineAccount:
    box = row["box"]
    return EngineAccount(
        token_hash=row["_id"],
        team_id=row["team_id"],
        account_id=row["account_id"],
        client=row["client"],
        address=row["address"],
        settings=row["settings"],
        box=SealedBox(box["key_id"], bytes(box["wrapped_key"]), bytes(box["sealed"])),
        opened_at=row["opened_at"],
        claimed=row.get("claimed"),
        due=row.get("due"),
    )
