"""Bodies and attachments too large for an event, in JetStream's object store, by reference and with a time to live."""

from __future__ import annotations

import secrets

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import ObjectNotFoundError
from nats.js.object_store import ObjectStore
from replywire_contracts.streams import BODIES

from services.runtime.outcomes import Outage, Refused

MAX_OCTETS = 50 * 2**20


class BodyMissing(Refused):
    """No such object: it was never put, or its time to live has passed."""


class Bodies:
    def __init__(self, js: JetStreamContext, *, bucket: str = BODIES.name, timeout: float = 30.0) -> None:
        self._js = js
        self._bucket = bucket
        self._timeout = timeout

    async def put(self, data: bytes) -> str:
        """The reference to it. Raises `Outage`."""
        ref = secrets.token_hex(16)
        try:
            await (await self._store()).put(ref, data)
        except (nats.errors.Error, TimeoutError) as error:
            raise Outage(f"the object store {self._bucket} did not take {len(data)} octets: {error!s}") from error
        return ref

    async def get(self, ref: str, limit: int = MAX_OCTETS) -> bytes:
        """Raises `BodyMissing`, `Refused` where it is larger than `limit` octets, `Outage`."""
        try:
            store = await self._store()
            info = await store.get_info(ref)
            if (info.size or 0) > limit:
                raise Refused(f"too_large: object {ref} has {info.size} octets, at most {limit} are taken")
            return bytes((await store.get(ref)).data or b"")
        except ObjectNotFoundError as error:
            raise BodyMissing(f"object_missing: {ref} is not in {self._bucket}, or no longer") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise Outage(f"the object store {self._bucket} did not give {ref}: {error!s}") from error

    async def _store(self) -> ObjectStore:
        return await self._js.object_store(self._bucket)
