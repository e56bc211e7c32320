"""What people read about messages: pages of them, newest first, and one with its body. Always of one team."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.runtime.mongo import Collection, Document
from services.send.adapters.pieces import Pieces
from services.send.domain.message import document_id

_NOT_SHOWN = {"mime": 0, "owed": 0, "step": 0}
_IN_LISTS = {**_NOT_SHOWN, "history": 0, "request": 0}


class Reading:
    def __init__(self, collection: Collection, pieces: Pieces) -> None:
        self._collection = collection
        self._pieces = pieces

    async def page(
        self, team: str, conditions: Mapping[str, Any], before: tuple[datetime, str] | None, limit: int
    ) -> list[Document]:
        """`before`: the last one's `created_at` and id of the page before."""
        wanted: Document = {"team": team, **conditions}
        if before is not None:
            moment, key = before
            wanted["$or"] = [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": key}}]
        found = self._collection.find(wanted, _IN_LISTS).sort([("created_at", -1), ("_id", -1)]).limit(limit)
        return [document async for document in found]

    async def one(self, team: str, request_id: str) -> Document | None:
        found: Document | None = await self._collection.find_one({"_id": document_id(team, request_id)}, _NOT_SHOWN)
        if found is not None and found.get("request") is None:
            found["request"] = (await self._pieces.get(found["_id"], "request", found["hash"])).decode()
        return found

    async def body(self, message: str, name: str, version: str) -> str | None:
        """A text that came by reference; None where none is kept."""
        try:
            return (await self._pieces.get(message, name, version)).decode()
        except LookupError:
            return None

    async def raw(self, team: str, request_id: str) -> bytes | None:
        """The frozen message; None where the request was refused before there was one."""
        key = document_id(team, request_id)
        found = await self._collection.find_one({"_id": key}, {"mime": 1, "mime_size": 1, "hash": 1})
        if found is None or not found.get("mime_size"):
            return None
        mime: bytes | None = found.get("mime")
        return mime if mime is not None else await self._pieces.get(key, "mime", found["hash"])
