"""Publishes finds: small ones in the event itself, larger ones by reference into the object store."""

from __future__ import annotations

from services.inbox_sync.domain import facts
from services.inbox_sync.domain.finds import Find
from services.runtime.bodies import Bodies
from services.runtime.publisher import Publisher


class EventBus:
    def __init__(self, publisher: Publisher, bodies: Bodies) -> None:
        self._publisher = publisher
        self._bodies = bodies

    async def announce(self, find: Find) -> None:
        object_ref = None
        if find.raw is not None and len(find.raw) > facts.INLINE_LIMIT:
            object_ref = await self._bodies.put(find.raw)
        await self._publisher.publish(facts.matched(find, object_ref))
