"""What is too large for a message's own document, in pieces of their own: MongoDB holds at most 16 MB in one."""

from __future__ import annotations

from services.runtime.mongo import Collection

PIECE_BYTES = 8 * 2**20


class Pieces:
    """Named octets of a message (`mime`, `request`, `text`, `html`), written before the message that points to them."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def put(self, message: str, name: str, version: str, data: bytes) -> None:
        """`version` tells two contents under one request id apart, so that a refused one overwrites nothing."""
        for number, start in enumerate(range(0, len(data) or 1, PIECE_BYTES)):
            key = f"{message}#{version}#{name}#{number:04d}"
            piece = {"message": message, "data": data[start : start + PIECE_BYTES]}
            await self._collection.update_one({"_id": key}, {"$set": piece}, upsert=True)

    async def get(self, message: str, name: str, version: str) -> bytes:
        """Raises `LookupError` where there is none."""
        prefix = f"{message}#{version}#{name}#"
        found = self._collection.find({"_id": {"$gte": prefix, "$lt": f"{prefix}~"}}).sort("_id", 1)
        pieces = [document["data"] async for document in found]
        if not pieces:
            raise LookupError(f"{name} of this message is not stored")
        return b"".join(pieces)

    async def forget(self, message: str, version: str) -> None:
        """Those of a request that was refused as another's id."""
        prefix = f"{message}#{version}#"
        await self._collection.delete_many({"_id": {"$gte": prefix, "$lt": f"{prefix}~"}})
