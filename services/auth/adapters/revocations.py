"""Grants still to be taken back, in MongoDB: one row each, gone as soon as it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.auth.adapters.documents import audit_document, box_fields, read_box
from services.auth.domain.audit import AuditRecord
from services.auth.domain.revocation import OwedRevocation
from services.runtime.mongo import Client, Database, Document, Session, with_transaction


class MongoRevocations:
    def __init__(self, client: Client, db: Database) -> None:
        self._client = client
        self._rows = db["revocations"]
        self._audit = db["audit"]

    async def add(self, owed: OwedRevocation) -> None:
        row = {"team_id": owed.team_id, "account_id": owed.account_id, "tries": owed.tries, "next_at": owed.next_at}
        await self._rows.insert_one(
            {"_id": owed.revocation_id, **row, "ends_at": owed.ends_at, "box": box_fields(owed.box)}
        )

    async def due(self, now: datetime, limit: int) -> Sequence[OwedRevocation]:
        found = self._rows.find({"next_at": {"$lte": now}}).sort("next_at", 1).limit(limit)
        return [_read(row) async for row in found]

    async def take(self, before: OwedRevocation, after: OwedRevocation) -> bool:
        written = await self._rows.update_one(
            {"_id": before.revocation_id, "tries": before.tries},
            {"$set": {"tries": after.tries, "next_at": after.next_at}},
        )
        return bool(written.matched_count)

    async def settle(self, owed: OwedRevocation, note: AuditRecord | None) -> None:
        async def write(session: Session) -> None:
            gone = await self._rows.delete_one({"_id": owed.revocation_id}, session=session)
            if gone.deleted_count and note is not None:
                await self._audit.insert_one(audit_document(note), session=session)

        await with_transaction(self._client, write)


def _read(row: Document) -> OwedRevocation:
    return OwedRevocation(
        row["_id"],
        row["team_id"],
        row["account_id"],
        read_box(row["box"]),
        row["tries"],
        row["next_at"],
        row["ends_at"],
    )
