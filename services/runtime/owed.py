"""Events that a write has caused and the bus has not yet acknowledged: kept in the very document of that write.

So state and event cannot part. `settle` publishes and takes them off; whatever is left after a crash, `sweep` publishes
again under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from replywire_contracts.catalogue import event_type
from replywire_contracts.event import Event

from services.runtime import metrics, tracing
from services.runtime.failpoints import hit
from services.runtime.group_commit import GroupCommit
from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES, Collection, Document
from services.runtime.outcomes import Outage, Refused
from services.runtime.publisher import Publisher
from services.runtime.taking_off import FIELD, TakingOff

INDEX: Document = {"keys": [("owed.at", 1)], "sparse": True}
"""Every collection with owed events needs this index."""

_PAGE = 200
_AWAY: tuple[type[Exception], ...] = (Outage, *OUTAGES)
_log = get_logger(__name__)


def owe(event: Event) -> Document:
    """The element to put into (or `$push` to) the document's `owed`, in the same write that causes the event."""
    element: Document = {"id": event.id, "kind": event.kind(), "payload": event.encode(), "at": datetime.now(UTC)}
    trace = tracing.outgoing()
    if trace:
        element["trace"] = trace
    return element


class OwedEvents:
    """`by`: whose writes take events off; None: a write for each document."""

    def __init__(self, collection: Collection, publisher: Publisher, by: GroupCommit | TakingOff | None = None) -> None:
        self._collection = collection
        self._publisher = publisher
        self._by = by

    async def settle(self, document_id: Any, owed: Sequence[Document], events: Sequence[Event] = ()) -> bool:
        """Publish them in order and take them off. False where the bus is away: the sweeper's turn.

        `events`: what the elements were made of, where the caller has it still: they need not be read again."""
        if not owed:
            return True
        at_hand = {event.id: event for event in events}
        published: list[str] = []
        away = False
        hit("owed.before_publish")
        for element in owed:
            try:
                if await self._publish(element, at_hand.get(element["id"])):
                    published.append(element["id"])
            except Outage as outage:
                _log.info("owed event left to the sweeper", event_id=element["id"], error=outage)
                away = True
                break
        if published:
            hit("owed.after_publish")
            await self._take_off(document_id, published)
        return not away

    async def _publish(self, element: Document, event: Event | None) -> bool:
        """False where this version of the code cannot read it: a newer replica wrote it, and will publish it."""
        try:
            event = event or event_type(element["kind"]).decode(element["payload"])
        except (LookupError, ValidationError) as error:
            _log.error("owed event not readable, left as it is", event_id=element["id"], error=error)
            return False
        try:
            await self._publisher.publish(event, trace=element.get("trace", {}), payload=element["payload"])
        except Refused as refused:
            # Kept, it would be tried for ever: its document is the record, and this line the notice.
            _log.error("owed event refused by the bus", event_id=event.id, event_kind=event.kind(), error=refused)
        return True

    async def _take_off(self, document_id: Any, ids: Sequence[str]) -> None:
        update: Document = {"$pull": {FIELD: {"id": {"$in": list(ids)}}}}
        match self._by:
            case TakingOff():
                await self._by.put(document_id, ids)
            case GroupCommit():
                await self._by.update({"_id": document_id}, update)
            case None:
                await self._collection.update_one({"_id": document_id}, update)

    async def sweep(self, older_than: timedelta = timedelta(seconds=5)) -> int:
        """Publish what is still owed since before `older_than`: how many documents were cleared."""
        before = datetime.now(UTC) - older_than
        cleared = 0
        async for document in self._collection.find({"owed.at": {"$lt": before}}, {FIELD: 1}).limit(_PAGE):
            due = [element for element in document[FIELD] if element["at"] < before]
            if not await self.settle(document["_id"], due):
                break
            cleared += 1
            metrics.SWEPT.labels(self._collection.name).inc(len(due))
        return cleared

    async def run_sweeper(self, every: timedelta = timedelta(seconds=5)) -> None:
        """For ever; give it to `app.task`. Goes on at once while there is a full page."""
        while True:
            try:
                full = await self.sweep() >= _PAGE
            except _AWAY as outage:
                full = False
                _log.warning("owed events not swept", collection=self._collection.name, error=str(outage))
            if not full:
                await asyncio.sleep(every.total_seconds())
