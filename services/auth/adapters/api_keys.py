"""API keys in MongoDB, found by their hash; a change and its audit record are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.auth.adapters.documents import api_key_document, audit_document, read_api_key
from services.auth.domain.api_key import ApiKey
from services.auth.domain.audit import AuditRecord
from services.runtime.mongo import Client, Database, Document, Session, with_transaction


class MongoApiKeys:
    def __init__(self, client: Client, db: Database) -> None:
        self._client = client
        self._keys = db["api_keys"]
        self._audit = db["audit"]

    async def by_hash(self, key_hash: str) -> ApiKey | None:
        return _read(await self._keys.find_one({"key_hash": key_hash}))

    async def of_team(self, team_id: str, key_id: str) -> ApiKey | None:
        return _read(await self._keys.find_one({"_id": key_id, "team_id": team_id}))

    async def page(self, team_id: str, after: str | None, limit: int) -> Sequence[ApiKey]:
        wanted: Document = {"team_id": team_id}
        if after is not None:
            wanted["_id"] = {"$gt": after}
        return [read_api_key(found) async for found in self._keys.find(wanted).sort("_id", 1).limit(limit)]

    async def with_scope(self, team_id: str, scope: str, limit: int) -> Sequence[ApiKey]:
        wanted = {"team_id": team_id, "scopes": scope}
        found = self._keys.find(wanted).sort([("created_at", -1), ("_id", 1)]).limit(limit)
        return [read_api_key(each) async for each in found][::-1]

    async def add(self, key: ApiKey, audit: AuditRecord) -> None:
        async def write(session: Session) -> None:
            await self._keys.insert_one(api_key_document(key), session=session)
            await self._audit.insert_one(audit_document(audit), session=session)

        await with_transaction(self._client, write)

    async def succeed(self, old: ApiKey, successor: ApiKey, audit: AuditRecord) -> bool:
        async def write(session: Session) -> bool:
            ended = await self._keys.update_one(
                {"_id": old.key_id, "team_id": old.team_id, "successor": None},
                {"$set": {"expires_at": old.expires_at, "successor": successor.key_id}},
                session=session,
            )
            if not ended.matched_count:
                return False
            await self._keys.insert_one(api_key_document(successor), session=session)
            await self._audit.insert_one(audit_document(audit), session=session)
            return True

        return await with_transaction(self._client, write)

    async def delete(self, key: ApiKey, audit: AuditRecord) -> bool:
        async def write(session: Session) -> bool:
            gone = await self._keys.delete_one({"_id": key.key_id, "team_id": key.team_id}, session=session)
            if not gone.deleted_count:
                return False
            await self._audit.insert_one(audit_document(audit), session=session)
            return True

        return await with_transaction(self._client, write)

    async def note_use(self, key: ApiKey, at: datetime) -> None:
        # Guarded by what was read: of many replicas that see an old date, one writes.
        await self._keys.update_one(
            {"_id": key.key_id, "last_used_at": key.last_used_at}, {"$set": {"last_used_at": at}}
        )


def _read(document: Document | None) -> ApiKey | None:
    return None if document is None else read_api_key(document)
