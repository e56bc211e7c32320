"""The typed client against a real nats-server: stored once, read durably, nothing lost by leaving or failing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from replywire_contracts.nats import INLINE_LIMIT, PublishUnknown, Replywire
from replywire_contracts.v1.mailbox import MailboxStalled
from replywire_contracts.v1.send import SendAccepted, SendCancelled, SendRequested, SendSent
from replywire_contracts.v1.values import Address, Attachment, Body

from services.runtime.provision import provision_bus
from tests.servers.choice import RunningServer


def accepted(request_id: str, team: str = "acme") -> SendAccepted:
    return SendAccepted(
        id=f"accepted-{request_id}",
        occurred_at=datetime.now(UTC),
        team_id=team,
        correlation_id=request_id,
        request_id=request_id,
        account_id="acc_1",
    )


@pytest.fixture
async def replywire(nats_url: str) -> AsyncIterator[Replywire]:
    async with await Replywire.connect(nats_url) as client:
        await provision_bus(client.connection, stream_max_bytes=64 * 2**20)
        yield client


async def first(replywire: Replywire, number: int, durable: str = "crm", team: str = "acme") -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(20), replywire.subscribe(SendAccepted, team=team, durable=durable) as events:
        async for event in events:
            found.append(event.request_id)
            if len(found) == number:
                break
    return found


async def test_the_same_event_published_twice_is_stored_once(replywire: Replywire) -> None:
    request = SendRequested(team_id="acme", request_id="r", account_id="acc_1")
    await replywire.publish(request)
    await replywire.publish(SendRequested(team_id="acme", request_id="r", account_id="acc_1"))
    stream = await replywire.connection.jetstream().stream_info("SEND_REQUESTS")
    assert stream.state.messages == 1


async def test_what_came_while_away_is_read_on_return_and_nothing_twice(replywire: Replywire) -> None:
    async with replywire.subscribe(SendAccepted, team="acme", durable="crm"):
        pass
    for name in ("a", "b", "c"):
        await replywire.publish(accepted(name))
    assert await first(replywire, 2) == ["a", "b"]
    await replywire.publish(accepted("d"))
    assert sorted(await first(replywire, 2)) == ["c", "d"]


async def test_an_event_whose_handling_failed_comes_again(replywire: Replywire) -> None:
    async with replywire.subscribe(SendAccepted, team="acme", durable="crm"):
        pass
    await replywire.publish(accepted("a"))

    async def failing() -> None:
        async with asyncio.timeout(20), replywire.subscribe(SendAccepted, team="acme", durable="crm") as events:
            async for _ in events:
                raise RuntimeError("the product's own trouble")

    with pytest.raises(RuntimeError, match="the product's own trouble"):
        await failing()
    assert await first(replywire, 1) == ["a"]


async def test_a_subscription_is_cut_to_its_team(replywire: Replywire) -> None:
    async with replywire.subscribe(SendAccepted, team="acme", durable="crm"):
        pass
    await replywire.publish(accepted("theirs", team="rival"))
    await replywire.publish(accepted("ours"))
    assert await first(replywire, 1) == ["ours"]


async def test_several_kinds_of_one_stream_come_as_what_they_are(replywire: Replywire) -> None:
    async with asyncio.timeout(20):
        async with replywire.subscribe(SendAccepted, SendCancelled, team="acme", durable="both") as events:
            await replywire.publish(accepted("a"))
            cancelled = SendCancelled(**(accepted("a").model_dump(exclude={"send_at"}) | {"id": "cancelled-a"}))
            await replywire.publish(cancelled)
            kinds = []
            async for event in events:
                kinds.append(type(event))
                if len(kinds) == 2:
                    break
    assert kinds == [SendAccepted, SendCancelled]


async def test_kinds_of_different_streams_are_refused_by_name(replywire: Replywire) -> None:
    with pytest.raises(ValueError, match=r"MAILBOXES.*SENDS"):
        replywire.subscribe(SendSent, MailboxStalled, durable="mixed")


async def test_a_name_taken_for_another_team_or_other_kinds_is_refused(replywire: Replywire) -> None:
    async with replywire.subscribe(SendAccepted, team="acme", durable="crm"):
        pass
    with pytest.raises(ValueError, match="'crm' is taken"):
        await replywire.subscribe(SendAccepted, team="globex", durable="crm").__aenter__()
    with pytest.raises(ValueError, match="'crm' is taken"):
        await replywire.subscribe(SendAccepted, SendSent, team="acme", durable="crm").__aenter__()
    async with replywire.subscribe(SendAccepted, team="acme", durable="crm"):
        pass


async def test_large_parts_travel_by_reference_and_come_back_whole(replywire: Replywire) -> None:
    large = os.urandom(2 * 2**20)
    request = SendRequested(
        team_id="acme",
        request_id="big",
        account_id="acc_1",
        to=(Address(email="grace@example.org"),),
        html=Body(text="é" * 400_000),
        attachments=(Attachment(filename="a.bin", content=large), Attachment(filename="b.txt", content=b"small")),
    )
    await replywire.publish(request)
    stored = await replywire.connection.jetstream().get_last_msg("SEND_REQUESTS", request.nats_subject)
    assert stored.data is not None
    assert len(stored.data) <= INLINE_LIMIT
    event = SendRequested.decode(stored.data)
    assert event.attachments[1].content == b"small"
    assert event.attachments[0].content is None
    assert event.id == request.id
    store = await replywire.connection.jetstream().object_store("replywire-bodies")
    assert (await store.get(event.attachments[0].object_ref or "")).data == large
    assert event.html is not None
    assert await replywire.body(event.html) == "é" * 400_000
    with pytest.raises(LookupError, match="expired"):
        await replywire.body(Body(object_ref="never-there"))


async def test_a_trace_goes_in_with_an_event_and_comes_out_with_it(replywire: Replywire) -> None:
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "vendor=1"}
    found: dict[str, dict[str, str]] = {}
    async with asyncio.timeout(20), replywire.subscribe(SendAccepted, team="acme", durable="crm") as events:
        await replywire.publish(accepted("a"), trace=trace | {"Nats-Msg-Id": "not for a trace to say"})
        await replywire.publish(accepted("b"))
        async for event in events:
            found[event.id] = events.trace
            if len(found) == 2:
                break
    assert found == {"accepted-a": trace, "accepted-b": {}}
    stored = await replywire.connection.jetstream().get_msg("SENDS", 1)
    assert (stored.headers or {})["Nats-Msg-Id"] == "accepted-a"


async def test_silence_of_the_server_is_unknown_and_not_failed(own_nats: RunningServer) -> None:
    client = await Replywire.connect(own_nats.url)
    await provision_bus(client.connection, stream_max_bytes=64 * 2**20)
    own_nats.freeze()
    try:
        with pytest.raises(PublishUnknown, match="within 1 s"):
            await client.publish(accepted("a"), timeout=1)
    finally:
        own_nats.thaw()
    await client.publish(accepted("a"))
    stream = await client.connection.jetstream().stream_info("SENDS")
    assert stream.state.messages == 1, "published again under the same id it is stored once"
    await client.connection.close()


@pytest.mark.parametrize("hurt", ["stopped", "killed", "frozen", "place deleted"])
async def test_a_subscription_lives_through_what_happens_to_the_server(own_nats: RunningServer, hurt: str) -> None:
    client = await Replywire.connect(own_nats.url, reconnect_time_wait=0.1)
    await provision_bus(client.connection, stream_max_bytes=64 * 2**20)
    found: asyncio.Queue[str] = asyncio.Queue()

    async def read() -> None:
        async for event in subscription:
            found.put_nowait(event.request_id)

    async with asyncio.timeout(60), client.subscribe(SendAccepted, team="acme", durable="crm") as subscription:
        reading = asyncio.create_task(read())
        await client.publish(accepted("before"))
        assert await found.get() == "before"
        match hurt:
            case "stopped":
                await own_nats.restart()
            case "killed":
                own_nats.kill()
                await own_nats.start()
            case "frozen":
                own_nats.freeze()
                await asyncio.sleep(7)  # past one pull's time: the server must forget a pull that the client gave up
                own_nats.thaw()
            case _:
                await client.connection.jetstream().delete_consumer("SENDS", "crm")
        await _published(client, "after")
        heard = asyncio.create_task(_heard(found, "after"))
        await asyncio.wait((heard, reading), return_when=asyncio.FIRST_COMPLETED)
        assert heard.done(), reading.exception()
        reading.cancel()
        await asyncio.wait((reading,))
    await client.connection.close()


async def _published(client: Replywire, request_id: str) -> None:
    while True:
        try:
            return await client.publish(accepted(request_id), timeout=2)
        except PublishUnknown:
            await asyncio.sleep(0.1)


async def _heard(found: asyncio.Queue[str], wanted: str) -> None:
    while await found.get() != wanted:
        pass
