"""Teams' own OAuth apps in MongoDB: the client id in clear, the client secret sealed."""

from __future__ import annotations

from services.auth.adapters.documents import audit_document, box_fields, read_box
from services.auth.domain.audit import AuditRecord
from services.auth.domain.oauth_app import Provider
from services.auth.oauth_ports import SealedApp
from services.runtime.mongo import Client, Database, Session, with_transaction


class MongoOAuthApps:
    def __init__(self, client: Client, db: Database) -> None:
        self._client = client
        self._apps = db["oauth_apps"]
        self._audit = db["audit"]

    async def of(self, team_id: str, provider: Provider) -> SealedApp | None:
        found = await self._apps.find_one({"_id": _key(team_id, provider)})
        if found is None:
            return None
        return SealedApp(provider, found["client_id"], found["tenant"], read_box(found["box"]))

    async def put(self, team_id: str, app: SealedApp, audit: AuditRecord) -> None:
        fields = {
            "team_id": team_id,
            "provider": app.provider.value,
            "client_id": app.client_id,
            "tenant": app.tenant,
            "box": box_fields(app.box),
        }
        wanted = {"_id": _key(team_id, app.provider)}

        async def write(session: Session) -> None:
            await self._apps.update_one(wanted, {"$set": fields}, upsert=True, session=session)
            await self._audit.insert_one(audit_document(audit), session=session)

        await with_transaction(self._client, write)

    async def remove(self, team_id: str, provider: Provider, audit: AuditRecord) -> bool:
        async def write(session: Session) -> bool:
            gone = await self._apps.delete_one({"_id": _key(team_id, provider)}, session=session)
            if gone.deleted_count:
                await self._audit.insert_one(audit_document(audit), session=session)
            return bool(gone.deleted_count)

        return await with_transaction(self._client, write)


def _key(team_id: str, provider: Provider) -> str:
    return f"{team_id}:{provider.value}"
