"""Every sealed box of this service in MongoDB, for re-wrapping; needs neither the bus nor the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator

from services.auth.adapters.documents import box_fields, read_box
from services.auth.domain.oauth_app import Provider, app_owner
from services.auth.ports import Sealed
from services.runtime.envelopes import Owner, SealedBox
from services.runtime.mongo import Database, Document

_PAGE = 200


class MongoBoxes:
    def __init__(self, db: Database) -> None:
        self._collections = (db["accounts"], db["oauth_apps"], db["revocations"])

    async def count_left(self, key_id: str) -> int:
        return sum([await collection.count_documents(_left(key_id)) for collection in self._collections])

    async def left(self, key_id: str) -> AsyncIterator[Sealed]:
        # By pages of ids, so that a long rotation holds no cursor open and a lost connection costs one page.
        for collection in self._collections:
            after = ""
            while True:
                wanted = {**_left(key_id), "_id": {"$gt": after}}
                page = [found async for found in collection.find(wanted).sort("_id", 1).limit(_PAGE)]
                for found in page:
                    yield Sealed(found["_id"], _owner(found), read_box(found["box"]))
                if len(page) < _PAGE:
                    break
                after = page[-1]["_id"]

    async def rewrap(self, kept: Sealed, box: SealedBox) -> bool:
        as_read = {"_id": kept.name, "box.wrapped_key": kept.box.wrapped_key}
        for collection in self._collections:
            written = await collection.update_one(as_read, {"$set": {"box": box_fields(box)}})
            if written.matched_count:
                return True
        return False


def _owner(found: Document) -> Owner:
    if "provider" in found:
        return app_owner(found["team_id"], Provider(found["provider"]))
    return Owner(found["team_id"], found["_id"])


def _left(key_id: str) -> Document:
    return {"box": {"$exists": True}, "box.key_id": {"$ne": key_id}}
