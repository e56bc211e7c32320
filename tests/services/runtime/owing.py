"""A process that writes a draft with an owed event and settles it; the test kills it on the way by a failpoint."""

from __future__ import annotations

import asyncio
import sys

import nats

from services.runtime import mongo
from services.runtime.owed import OwedEvents, owe
from services.runtime.publisher import Publisher
from tests.services.runtime.events import send_accepted


async def main(nats_url: str, mongodb_url: str, database: str, request_id: str) -> None:
    connection, client = await nats.connect(nats_url), mongo.open_client(mongodb_url)
    drafts = client[database]["drafts"]
    owed = [owe(send_accepted(request_id))]
    await drafts.insert_one({"_id": request_id, "owed": owed})
    await OwedEvents(drafts, Publisher(connection.jetstream())).settle(request_id, owed)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
