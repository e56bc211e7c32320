"""Taken by one at a time, reported once, whoever races, repeats, dies or reports late: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

import httpx
import pytest
from replywire_contracts.v1.send import SendAccepted, SendFailed, SendSent

from services.send.views import message_whole
from tests.flows.checker import Seen, violations
from tests.services.send.external_world import Worker, external_account, send_process, worker
from tests.services.send.world import OTHER_KEY, World

MANY = 10_000


async def test_two_workers_racing_at_two_replicas_never_get_the_same_message(world: World) -> None:
    async with world.replica(), world.replica(), contextlib.AsyncExitStack() as open_:
        account = await external_account(world)
        for number in range(40):
            await world.send(account, f"r-{number}")
        await world.heard.wait(SendAccepted, count=40)
        workers = [await open_.enter_async_context(worker(world, app=number % 2)) for number in range(6)]
        got: Counter[str] = Counter()

        async def drain(code: Worker) -> None:
            while taken := (await code.take(3, wait=1))["messages"]:
                got.update(message["request_id"] for message in taken)

        await asyncio.gather(*(drain(code) for code in workers))
    assert got == Counter({f"r-{number}": 1 for number in range(40)})


async def test_replayed_and_reordered_reports_end_alike_and_are_told_once(sending: World) -> None:
    account = await external_account(sending)
    for name in ("sent-first", "failed-first"):
        await sending.send(account, name)
    async with worker(sending) as code:
        leases: dict[str, list[str]] = {"sent-first": [], "failed-first": []}
        while min(map(len, leases.values())) < 2:  # each is taken twice: the first taker falls silent
            taken = await code.take(2, lease=1, wait=20)
            for message in taken["messages"]:
                leases[message["request_id"]].append(taken["lease"])
        for name, order in (("sent-first", ("sent", "failed")), ("failed-first", ("failed", "sent"))):
            first, second = leases[name][:2]
            told = {"sent": first, "failed": second}
            for outcome in (*order, *order, *reversed(order)):
                await code.tell(name, outcome, told[outcome])
            at_once = [code.tell(name, outcome, told[outcome]) for outcome in order * 10]
            assert {answer.status_code for answer in await asyncio.gather(*at_once)} <= {200, 409}
            assert (await sending.message(name))["state"] == "sent"
        batch = [{"request_id": name, "lease": leases[name][0], "outcome": "sent"} for name in leases] * 2
        assert [answer["heard"] for answer in await code.reports(batch)] == ["known"] * 4
    for name in leases:
        await sending.heard.wait(SendSent, request_id=name)
        assert len({event.id for event in sending.heard.of(SendSent, request_id=name)}) == 1
    assert not sending.heard.of(SendFailed), "its first taker was not heard yet"


async def test_another_teams_key_reads_nothing_and_changes_nothing(sending: World) -> None:
    account = await external_account(sending)
    await external_account(sending, address="lin@example.net", team="globex")
    await sending.send(account, "r-1")
    async with worker(sending) as code, worker(sending, OTHER_KEY) as foreign:
        lease, _ = await code.one()
        before = await sending.message("r-1")
        for request_id in ("r-1", "unheard-of"):
            answers = [
                await foreign.tell(request_id, "extend", lease),
                await foreign.tell(request_id, "sent", lease),
                await foreign.tell(request_id, "failed", lease),
                await foreign.tell(request_id, "release", lease),
                await foreign.api.get(f"/v1/external/messages/{request_id}/raw"),
            ]
            assert {answer.status_code for answer in answers} == {404}
            assert len({_told(answer) for answer in answers}) == 1
            [batch] = await foreign.reports([{"request_id": request_id, "lease": lease, "outcome": "sent"}])
            assert (batch["status"], batch["code"], batch["state"]) == (404, "not_found", None)
        assert (await foreign.take(500, wait=0))["messages"] == []
        assert (await foreign.take(500, wait=0, account_id=account))["messages"] == []
        assert (await foreign.api.get("/v1/external/messages")).json()["items"] == []
        assert await sending.message("r-1") == before
        assert (await code.told("r-1", "sent", lease))["state"] == "sent"


def _told(answer: httpx.Response) -> tuple[str, ...]:
    content: dict[str, Any] = answer.json()
    return tuple(str(content[name]) for name in ("code", "detail", "remedy"))


@pytest.mark.parametrize("place", ["send.after_store", "send.external_after_take", "send.external_after_report"])
async def test_send_killed_around_handing_over_loses_and_doubles_nothing(place: str, world: World) -> None:
    account = await external_account(world)
    async with send_process(world, f"{place}=kill") as served:
        await world.send(account, "r-1")
        async with served.worker() as code:
            with contextlib.suppress(httpx.TransportError):
                lease, _ = await code.one(wait=20, lease=1)
                await code.told("r-1", "sent", lease)
        assert await served.died() == -9, "the failpoint was never passed: this test shows nothing"
    async with send_process(world) as served, served.worker() as code:
        state = ""
        async with asyncio.timeout(60):
            while state != "sent":
                taken = await code.take(1, wait=1)
                for message in taken["messages"]:
                    await code.told(message["request_id"], "sent", taken["lease"])
                listed = (await code.api.get("/v1/messages/r-1")).json()
                state = listed.get("state", "")
        await world.heard.wait(SendSent, request_id="r-1")
        accepted = {event.id for event in await world.heard.wait(SendAccepted, request_id="r-1")}
    assert (len(accepted), len({event.id for event in world.heard.of(SendSent)})) == (1, 1)
    assert "r-1" in world.neighbours.registered


async def test_ten_thousand_messages_are_handed_over_and_reported_with_nothing_lost_or_doubled(world: World) -> None:
    """Two replicas, four workers; every report is told twice and a tenth out of order. The ledger is the workers'."""
    ledger: Counter[str] = Counter()
    async with world.replica(), world.replica(), contextlib.AsyncExitStack() as open_:
        account = await external_account(world)
        workers = [await open_.enter_async_context(worker(world, app=number % 2)) for number in range(4)]

        async def work(code: Worker) -> None:
            late: list[dict[str, Any]] = []
            while ledger.total() < MANY or late:
                taken = await code.take(500, wait=1, lease=120)
                reports = []
                for message in taken["messages"]:
                    ledger[message["message_id"]] += 1
                    about = {"request_id": message["request_id"], "lease": taken["lease"]}
                    reports.append({**about, "outcome": "sent"})
                told, late = [*late, *reports[len(reports) // 10 :]], reports[: len(reports) // 10]
                for start in range(0, len(told), 500):
                    for _ in range(2):
                        answers = await code.reports(told[start : start + 500])
                        assert {answer["status"] for answer in answers} == {200}

        for start in range(0, MANY, 500):
            await asyncio.gather(*(world.send(account, f"r-{n}") for n in range(start, start + 500)))
        async with asyncio.timeout(120):
            while await world.database["messages"].count_documents({"offer.ready": True}) < MANY:
                await asyncio.sleep(0.2)  # whoever takes as they come takes five at a time
        await asyncio.gather(*(work(code) for code in workers))
        async with asyncio.timeout(120):
            while len({event.id for event in world.heard.of(SendSent)}) < MANY:
                await asyncio.sleep(0.2)  # `wait` would look through all of them for each that comes
        stored = [document async for document in world.database["messages"].find({"account": account}, {"mime": 0})]
    assert len(stored) == MANY
    seen = Seen(
        messages={document["request_id"]: _shown(document) for document in stored},
        ledger=ledger,
        events=tuple(world.heard.events),
        answers={},
    )
    assert violations(seen)[:10] == []


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """As the messages API shows it, times as JSON has them."""
    whole = message_whole(document)
    history = [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in line.items()}
        for line in whole["history"]
    ]
    return {**whole, "history": history, "identities": whole["identities"].model_dump()}
