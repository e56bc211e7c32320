"""Waiting for the end of things, and seeing them as outsiders do: what the checker judges.

`quiet` is the answer to "how long must one wait for a duplicate?": until no delivery is open, nothing is owed, no
message is in work and no find is unconfirmed. No timer is left then that could still repeat anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import nats
import nats.errors
from nats.js import JetStreamContext
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from replywire_contracts.streams import CONSUMERS, STREAMS
from replywire_contracts.v1.reply import ReplyDetected

from services.runtime.permissions import PROVISION
from tests.flows.checker import ENDED, Seen
from tests.flows.world import World

_WATCHED: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("send", "messages"): {
        "$or": [
            {"owed.0": {"$exists": True}},
            {"due": {"$exists": True}},
            {"unannounced": {"$exists": True}},
            {"copy.state": "pending"},
        ]
    },
    ("inbox_sync", "finds"): {"due": {"$exists": True}},
    ("inbox_sync", "mailboxes"): {"owed.0": {"$exists": True}},
    ("reply_matching", "replies"): {"owed.0": {"$exists": True}},
    ("auth", "accounts"): {"owed.0": {"$exists": True}},
}
"""By service and collection: documents that something will still be done about."""
_OUR_PLACES = (("SENDS", "heard-0"), ("REPLIES", "heard-1"))


@asynccontextmanager
async def databases(world: World) -> AsyncIterator[Mapping[str, AsyncDatabase[dict[str, Any]]]]:
    """Each service's own, for looking at."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        world.running.stack.mongodb_url, tz_aware=True, serverSelectionTimeoutMS=5000
    )
    try:
        yield {name: client[f"replywire_{name}"] for name in ("auth", "send", "inbox_sync", "reply_matching")}
    finally:
        await client.close()


@asynccontextmanager
async def bus(world: World) -> AsyncIterator[JetStreamContext]:
    """As the user that may look at every stream and consumer."""
    connection = await nats.connect(
        world.running.stack.nats_url_for(PROVISION), inbox_prefix=f"_INBOX_{PROVISION}".encode()
    )
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


async def quiet(world: World, timeout: float = 120) -> None:
    """Until nothing more can happen. Raises `TimeoutError` that names what is still open."""
    left: Counter[str] = Counter()
    before = None
    try:
        async with asyncio.timeout(timeout), databases(world) as dbs, bus(world) as js:
            while True:
                left = Counter({name: n async for name, n in _left(dbs, js) if n})
                marks = [(await js.stream_info(stream.name)).state.last_seq for stream in STREAMS]
                # Twice, because work moves from the bus to a database between two questions.
                if not left and marks == before:
                    return
                before = None if left else marks
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise TimeoutError(f"still open after {timeout:g} s: {dict(left)}") from None


async def _left(
    dbs: Mapping[str, AsyncDatabase[dict[str, Any]]], js: JetStreamContext
) -> AsyncIterator[tuple[str, int]]:
    for (service, collection), open_ones in _WATCHED.items():
        yield f"{service}.{collection}", await dbs[service][collection].count_documents(open_ones)
    for stream, durable in (*((c.stream.name, c.durable) for c in CONSUMERS), *_OUR_PLACES):
        info = await js.consumer_info(stream, durable)
        yield f"{durable} unread", info.num_pending or 0
        yield f"{durable} unacknowledged", info.num_ack_pending or 0


async def ended(world: World, requests: Iterable[str], timeout: float = 120) -> None:
    """Until each of them rests, by what the database says."""
    wanted = set(requests)
    resting: set[str] = set()
    try:
        async with asyncio.timeout(timeout), databases(world) as dbs:
            while resting != wanted:
                query = {"request_id": {"$in": sorted(wanted)}, "state": {"$in": sorted(ENDED)}}
                try:
                    found = dbs["send"]["messages"].find(query, {"request_id": 1})
                    resting = {document["request_id"] async for document in found}
                except PyMongoError:
                    pass  # it is being hurt: ask again
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"not ended after {timeout:g} s: {sorted(wanted - resting)[:10]}") from None


async def announced(world: World, requests: Collection[str], timeout: float = 120) -> None:
    """Until every answer that was put into a mailbox has been told to the product."""
    wanted = {answer for request_id in requests for answer in world.planted.get(request_id, ())}
    try:
        async with asyncio.timeout(timeout), world.heard.news:
            while missing := wanted - {event.message_id for event in world.heard.of(ReplyDetected)}:
                await world.heard.news.wait()
    except TimeoutError:
        raise TimeoutError(f"not announced after {timeout:g} s: {sorted(missing)[:10]}") from None


async def known(world: World) -> list[str]:
    """Every request that the messages API lists."""
    requests: list[str] = []
    asked: dict[str, str | int] = {"limit": 200}
    async with world.running.api("send") as api:
        while True:
            page = (await api.get("/v1/messages", params=asked)).json()
            requests += [message["request_id"] for message in page["items"]]
            if page.get("next") is None:
                return requests
            asked["cursor"] = page["next"]


async def seen(
    world: World, requests: Collection[str], addresses: Collection[str] = (), *, everything: bool = False
) -> Seen:
    """What outsiders saw of these requests; `addresses` are those whose Sent folders are looked into. `everything`:
    there were no other requests, so all that lies in the ledger or was told is about these."""
    async with world.running.api("send") as api:
        messages = {request_id: await _message(api, request_id) for request_id in requests}
    own = {name for message in messages.values() for name in message["identities"]["message_ids"]}
    mails = [mail for mail in world.sink.taken() if everything or mail.message_id in own]
    told = [each for each in world.heard.events if everything or getattr(each, "request_id", None) in messages]
    arrived: dict[str, list[float]] = defaultdict(list)
    for mail in mails:
        arrived[mail.message_id].append(mail.at)
    return Seen(
        messages=messages,
        ledger=Counter(mail.message_id for mail in mails),
        events=tuple(told),
        answers={request_id: world.planted[request_id] for request_id in requests if request_id in world.planted},
        arrived=arrived,
        copies=Counter(copy["Message-ID"] for address in addresses for copy in world.copies(address)),
        look_for_copies=bool(addresses),
    )


async def _message(api: httpx.AsyncClient, request_id: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/messages/{request_id}")
    assert answer.status_code == 200, f"{request_id}: {answer.status_code} {answer.text}"
    found: dict[str, Any] = answer.json()
    return found
