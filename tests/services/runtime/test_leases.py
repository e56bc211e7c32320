"""Leases by the database's own clock: one holder at a time, and a number that tells a former one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.runtime.leases import Leases
from services.runtime.mongo import Database, open_client
from tests.servers.choice import RunningServer

SHORT = timedelta(milliseconds=300)


async def ended(leases: Leases, key: str) -> None:
    """Let the server's clock pass the end of the lease."""
    collection = leases._collection
    while await collection.count_documents({"_id": key, "$expr": {"$gt": ["$until", "$$NOW"]}}):
        await asyncio.sleep(0.02)


async def test_of_many_owners_that_ask_at_once_one_holds_it(db: Database) -> None:
    owners = [Leases(db["leases"], f"replica-{n}") for n in range(20)]
    taken = [lease for lease in await asyncio.gather(*(owner.acquire("acc_1") for owner in owners)) if lease]
    assert len(taken) == 1
    assert taken[0].token == 1


async def test_another_has_it_only_after_its_end_and_with_a_higher_number(db: Database) -> None:
    first, second = Leases(db["leases"], "first", SHORT), Leases(db["leases"], "second", SHORT)
    held = await first.acquire("acc_1", host="imap.example.org")
    assert held is not None
    assert await second.acquire("acc_1") is None
    await ended(first, "acc_1")
    moved = await second.acquire("acc_1")
    assert moved is not None
    assert moved.token == held.token + 1
    assert not await first.renew(held)
    assert await first.acquire("acc_1") is None


async def test_a_holder_that_asks_again_has_a_new_number(db: Database) -> None:
    """It may have failed to release it while the database was away, with work under the old number left half done."""
    leases = Leases(db["leases"], "me")
    once, again = await leases.acquire("acc_1"), await leases.acquire("acc_1")
    assert once is not None
    assert again is not None
    assert again.token == once.token + 1
    assert not await leases.renew(once)
    assert await leases.renew(again)


async def test_a_released_lease_is_free_at_once_and_has_another_number_next_time(db: Database) -> None:
    first, second = Leases(db["leases"], "first"), Leases(db["leases"], "second")
    held = await first.acquire("acc_1")
    assert held is not None
    await first.release(held)
    moved = await second.acquire("acc_1")
    assert moved is not None
    await first.release(held)  # late: it is another's by now
    assert await second.renew(moved)
    await second.release(moved)
    back = await second.acquire("acc_1")
    assert back is not None
    assert back.token == 3


async def test_renewing_many_tells_which_are_lost(db: Database) -> None:
    first, second = Leases(db["leases"], "first", SHORT), Leases(db["leases"], "second")
    held = [lease for n in range(50) if (lease := await first.acquire(f"acc_{n}"))]
    await ended(first, "acc_49")
    assert await second.acquire("acc_7")
    assert await first.renew_all(held) == {"acc_7"}
    assert await second.acquire("acc_8") is None


async def test_a_write_guarded_by_the_number_of_a_former_holder_changes_nothing(db: Database) -> None:
    first, second = Leases(db["leases"], "first", SHORT), Leases(db["leases"], "second")
    held = await first.acquire("acc_1")
    assert held is not None
    await ended(first, "acc_1")
    moved = await second.acquire("acc_1")
    assert moved is not None
    await db["cursors"].insert_one({"_id": "acc_1", "token": moved.token, "cursor": "7"})
    late = await db["cursors"].update_one({"_id": "acc_1", "token": held.token}, {"$set": {"cursor": "3"}})
    assert late.matched_count == 0


async def test_a_kept_lease_outlives_its_time_and_is_free_afterwards(db: Database) -> None:
    first, second = Leases(db["leases"], "first", SHORT), Leases(db["leases"], "second")
    held = await first.acquire("acc_1")
    assert held is not None
    async with first.keep(held):
        for _ in range(12):
            await asyncio.sleep(0.08)
            assert await second.acquire("acc_1") is None
        assert not held.lost.is_set()
    assert await second.acquire("acc_1") is not None


async def test_the_keeper_of_a_stolen_lease_hears_of_it(db: Database) -> None:
    first = Leases(db["leases"], "first", SHORT)
    held = await first.acquire("acc_1")
    assert held is not None
    async with first.keep(held), asyncio.timeout(30):
        await db["leases"].update_one({"_id": "acc_1"}, {"$set": {"owner": "thief"}, "$inc": {"token": 1}})
        await held.lost.wait()
    document = await db["leases"].find_one({"_id": "acc_1"})
    assert document is not None
    assert document["owner"] == "thief"


async def test_facts_are_kept_as_given(db: Database) -> None:
    leases = Leases(db["leases"], "me")
    await leases.acquire("acc_1", note="$until", shards=[1, 2])
    document = await db["leases"].find_one({"_id": "acc_1"})
    assert document is not None
    assert (document["note"], document["shards"]) == ("$until", [1, 2])


@pytest.mark.parametrize("offset", [timedelta(hours=-2), timedelta(hours=2)])
async def test_a_wrong_client_clock_changes_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch, offset: timedelta
) -> None:
    import time

    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + offset.total_seconds())
    assert await Leases(db["leases"], "first").acquire("acc_1")
    assert await Leases(db["leases"], "second").acquire("acc_1") is None


async def test_what_was_done_under_a_lease_stands_though_the_database_is_away_at_its_end(
    own_mongod: RunningServer,
) -> None:
    client = open_client(own_mongod.url)
    try:
        leases = Leases(client["test"]["leases"], "first", SHORT)
        held = await leases.acquire("acc_1")
        assert held is not None
        unsure = {"failCommands": ["update"], "writeConcernError": {"code": 64, "errmsg": "waiting timed out"}}
        async with leases.keep(held):
            await client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=unsure)
        await ended(leases, "acc_1")
        assert await Leases(client["test"]["leases"], "second", SHORT).acquire("acc_1") is not None
    finally:
        client.close()
