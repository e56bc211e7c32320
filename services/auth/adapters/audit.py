"""The audit log in MongoDB, read by pages; records are written with the changes they tell of."""

from __future__ import annotations

from collections.abc import Sequence

from services.auth.adapters.documents import audit_document, read_audit
from services.auth.domain.audit import AuditRecord
from services.runtime.mongo import Database, Document


class MongoAuditLog:
    def __init__(self, db: Database) -> None:
        self._audit = db["audit"]

    async def note(self, record: AuditRecord) -> None:
        await self._audit.insert_one(audit_document(record))

    async def page(
        self, team_id: str, before: str | None, limit: int, settings_only: bool = False
    ) -> Sequence[AuditRecord]:
        wanted: Document = {"team_id": team_id}
        if settings_only:
            wanted["action"] = {"$not": {"$regex": r"^account\."}}
        if before is not None:
            wanted["_id"] = {"$lt": before}
        return [read_audit(found) async for found in self._audit.find(wanted).sort("_id", -1).limit(limit)]
