"""What a write owes keeps the trace that the write was made in, whoever publishes it later."""

from __future__ import annotations

from datetime import timedelta

from nats.aio.client import Client as NatsClient
from replywire_contracts.streams import SENDS

from services.runtime import tracing
from services.runtime.mongo import Database
from services.runtime.owed import OwedEvents, owe
from services.runtime.publisher import Publisher
from tests.services.runtime.events import send_accepted

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_a_swept_event_is_published_in_the_trace_that_it_was_owed_in(nc: NatsClient, db: Database) -> None:
    js = nc.jetstream()
    with tracing.incoming("handle", {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}):
        traced = owe(send_accepted("traced"))
    await db["drafts"].insert_many([{"_id": 1, "owed": [traced]}, {"_id": 2, "owed": [owe(send_accepted("not"))]}])
    assert await OwedEvents(db["drafts"], Publisher(js)).sweep(timedelta(seconds=-1)) == 2
    told = [(await js.get_msg(SENDS.name, number)).headers or {} for number in (1, 2)]
    assert sorted(TRACE in headers.get("traceparent", "") for headers in told) == [False, True]
