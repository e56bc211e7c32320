"""Teams' admin consents in MongoDB, one document a team, each change with its audit record."""

from __future__ import annotations

from dataclasses import asdict

from services.auth.adapters.documents import audit_document
from services.auth.domain.audit import AuditRecord
from services.auth.domain.consent import Consent, ConsentStatus
from services.runtime.mongo import Client, Database, DuplicateKey, Session, with_transaction


class MongoConsents:
    def __init__(self, client: Client, db: Database) -> None:
        self._client = client
        self._consents = db["admin_consents"]
        self._audit = db["audit"]

    async def of(self, team_id: str) -> Consent:
        found = await self._consents.find_one({"_id": team_id})
        if found is None:
            return Consent(team_id)
        facts = found | {"status": ConsentStatus(found["status"]), "tenants": tuple(found["tenants"])}
        return Consent(team_id=facts.pop("_id"), **facts)

    async def replace(self, before: Consent, after: Consent, audit: AuditRecord) -> bool:
        facts = asdict(after) | {"status": after.status.value, "tenants": list(after.tenants)}
        team_id = facts.pop("team_id")

        async def write(session: Session) -> bool:
            if before.revision == 0:
                await self._consents.insert_one({"_id": team_id, **facts}, session=session)
            else:
                guard = {"_id": team_id, "revision": before.revision}
                written = await self._consents.update_one(guard, {"$set": facts}, session=session)
                if not written.matched_count:
                    return False
            await self._audit.insert_one(audit_document(audit), session=session)
            return True

        try:
            return await with_transaction(self._client, write)
        except DuplicateKey:
            return False
