"""Visits to our pages and the links that began them, in MongoDB; both vanish by themselves."""

from __future__ import annotations

from datetime import datetime

from services.auth.domain.links import Link, Purpose, Role
from services.auth.domain.page_session import PageSession
from services.auth.domain.visitor import Visitor
from services.runtime.mongo import Client, Database, Document, DuplicateKey, Session, with_transaction


class MongoPageSessions:
    def __init__(self, client: Client, db: Database) -> None:
        self._client = client
        self._sessions = db["page_sessions"]
        self._spent = db["spent_links"]

    async def open(self, link: Link, session: PageSession) -> bool:
        async def write(transaction: Session) -> None:
            # Unique by the link's id: of two who follow it at once, one comes in.
            await self._spent.insert_one({"_id": link.link_id, "expires_at": link.expires_at}, session=transaction)
            await self._sessions.insert_one(_document(session), session=transaction)

        try:
            await with_transaction(self._client, write)
        except DuplicateKey:
            return False
        return True

    async def find(self, session_id: str, now: datetime) -> PageSession | None:
        # MongoDB removes what has expired once a minute: until then it is there and counts no more.
        found = await self._sessions.find_one({"_id": session_id, "expires_at": {"$gt": now}})
        return None if found is None else _read(found)

    async def close(self, session_id: str) -> None:
        await self._sessions.delete_one({"_id": session_id})


def _document(session: PageSession) -> Document:
    visitor = session.visitor
    return {
        "_id": visitor.session_id,
        "team_id": visitor.team_id,
        "person": visitor.person,
        "role": visitor.role.value,
        "purpose": visitor.purpose.value,
        "account_id": visitor.account_id,
        "return_to": visitor.return_to,
        "expires_at": session.expires_at,
    }


def _read(document: Document) -> PageSession:
    visitor = Visitor(
        session_id=document["_id"],
        team_id=document["team_id"],
        person=document["person"],
        role=Role(document["role"]),
        purpose=Purpose(document["purpose"]),
        account_id=document["account_id"],
        return_to=document["return_to"],
    )
    return PageSession(visitor, document["expires_at"])
