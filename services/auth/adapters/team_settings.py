"""Teams' e-mail settings in MongoDB: a change and its audit records are one transaction, guarded by the revision."""

from __future__ import annotations

from collections.abc import Sequence

from services.auth.adapters.documents import audit_document
from services.auth.domain.audit import AuditRecord
from services.auth.domain.team_settings import ClientPolicy, TeamSettings
from services.runtime.mongo import Client, Database, Document, DuplicateKey, Session, with_transaction


class MongoTeamSettings:
    def __init__(self, client: Client, db: Database) -> None:
        self._client = client
        self._settings = db["team_settings"]
        self._audit = db["audit"]

    async def of(self, team_id: str) -> TeamSettings:
        found = await self._settings.find_one({"_id": team_id})
        return TeamSettings(team_id) if found is None else _read(found)

    async def replace(self, before: TeamSettings, after: TeamSettings, notes: Sequence[AuditRecord]) -> bool:
        fields = _fields(after)

        async def write(session: Session) -> bool:
            if before.revision == 0:
                await self._settings.insert_one({"_id": after.team_id, **fields}, session=session)
            else:
                guard = {"_id": after.team_id, "revision": before.revision}
                written = await self._settings.update_one(guard, {"$set": fields}, session=session)
                if not written.matched_count:
                    return False
            for note in notes:
                await self._audit.insert_one(audit_document(note), session=session)
            return True

        try:
            return await with_transaction(self._client, write)
        except DuplicateKey:
            return False  # somebody else saved this team's first settings


def _fields(settings: TeamSettings) -> Document:
    return {
        "offered": None if settings.offered is None else list(settings.offered),
        "microsoft_consent_required": settings.microsoft_consent_required,
        "policies": {
            client: {
                "folders": list(policy.folders),
                "sends_per_minute": policy.sends_per_minute,
                "sent_copy": policy.sent_copy,
            }
            for client, policy in settings.policies.items()
        },
        "allowed": list(settings.allowed),
        "revision": settings.revision,
        "changed_at": settings.changed_at,
    }


def _read(document: Document) -> TeamSettings:
    offered = document["offered"]
    policies = {
        client: ClientPolicy(**{**policy, "folders": tuple(policy["folders"])})
        for client, policy in document["policies"].items()
    }
    return TeamSettings(
        team_id=document["_id"],
        offered=None if offered is None else tuple(offered),
        microsoft_consent_required=document["microsoft_consent_required"],
        policies=policies,
        allowed=tuple(document["allowed"]),
        revision=document["revision"],
        changed_at=document["changed_at"],
    )
