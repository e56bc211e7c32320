"""Accounts in MongoDB: a change, its audit record and its owed event are one transaction, guarded by what was read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from services.auth.adapters.documents import account_fields, audit_document, box_fields, read_account
from services.auth.domain.account import Account, State
from services.auth.domain.announcements import AccountEvent
from services.auth.domain.audit import AuditRecord
from services.runtime.failpoints import hit
from services.runtime.mongo import Client, Database, Document, DuplicateKey, Session, with_transaction
from services.runtime.owed import OwedEvents, owe
from services.runtime.taking_off import FIELD

_MOST_OTHERS = 100


class MongoAccounts:
    def __init__(self, client: Client, db: Database, owed: Callable[[], OwedEvents]) -> None:
        """`owed` is asked for when first used: it needs the bus, which is there later than the database."""
        self._client = client
        self._accounts = db["accounts"]
        self._audit = db["audit"]
        self._owed = owed

    async def by_id(self, account_id: str) -> Account | None:
        return _read(await self._accounts.find_one({"_id": account_id}))

    async def of_team(self, team_id: str, account_id: str) -> Account | None:
        return _read(await self._accounts.find_one({"_id": account_id, "team_id": team_id}))

    async def of_mailbox(self, team_id: str, mailbox_key: str) -> Account | None:
        return _read(await self._accounts.find_one({"team_id": team_id, "mailbox_key": mailbox_key}))

    async def add(self, account: Account, audit: AuditRecord, event: AccountEvent) -> bool:
        owed = owe(event)
        document = {"_id": account.account_id, **account_fields(account), FIELD: [owed]}

        async def write(session: Session) -> None:
            await self._accounts.insert_one(dict(document), session=session)
            await self._audit.insert_one(audit_document(audit), session=session)

        try:
            await with_transaction(self._client, write)
        except DuplicateKey:
            return False
        await self._settle(account, owed)
        return True

    async def replace(
        self, before: Account, after: Account, audit: AuditRecord, event: AccountEvent | None = None
    ) -> bool:
        owed = None if event is None else owe(event)
        update: Document = {"$set": account_fields(after)}
        if after.box is None:
            update["$unset"] = {"box": ""}
        if owed is not None:
            update["$push"] = {FIELD: owed}

        async def write(session: Session) -> bool:
            written = await self._accounts.update_one(_as_read(before), update, session=session)
            if written.matched_count:
                await self._audit.insert_one(audit_document(audit), session=session)
            return bool(written.matched_count)

        if not await with_transaction(self._client, write):
            return False
        if owed is not None:
            await self._settle(after, owed)
        return True

    async def keep_box(self, before: Account, after: Account) -> bool:
        assert after.box is not None
        change = {"box": box_fields(after.box), "revision": after.revision, "announced": after.announced}
        written = await self._accounts.update_one(_as_read(before), {"$set": change})
        return bool(written.matched_count)

    async def others_of_mailbox(self, account: Account) -> Sequence[Account]:
        wanted = {"mailbox_key": account.mailbox_key, "_id": {"$ne": account.account_id}, "box": {"$exists": True}}
        return [read_account(found) async for found in self._accounts.find(wanted).limit(_MOST_OTHERS)]

    async def page(
        self, team_id: str, after: str | None, limit: int, state: State | None, person: str | None = None
    ) -> Sequence[Account]:
        wanted: Document = {"team_id": team_id}
        if person is not None:
            wanted["people"] = person
        if after is not None:
            wanted["_id"] = {"$gt": after}
        if state is not None:
            wanted["state"] = state.value
        return [read_account(found) async for found in self._accounts.find(wanted).sort("_id", 1).limit(limit)]

    async def all_teams(self, after: str | None, limit: int, account_ids: Collection[str]) -> Sequence[Account]:
        ids: Document = {}
        if account_ids:
            ids["$in"] = list(account_ids)
        if after is not None:
            ids["$gt"] = after
        wanted: Document = {"_id": ids} if ids else {}
        return [read_account(found) async for found in self._accounts.find(wanted).sort("_id", 1).limit(limit)]

    async def _settle(self, account: Account, owed: Document) -> None:
        hit("auth.before_settle")
        await self._owed().settle(account.account_id, [owed])


def _as_read(account: Account) -> Document:
    """Matches only while nothing has changed, not even the wrapping of its key."""
    box = account.box
    return {
        "_id": account.account_id,
        "team_id": account.team_id,
        "revision": account.revision,
        "changed_at": account.changed_at,
        "box.wrapped_key": {"$exists": False} if box is None else box.wrapped_key,
    }


def _read(document: Document | None) -> Account | None:
    return None if document is None else read_account(document)
