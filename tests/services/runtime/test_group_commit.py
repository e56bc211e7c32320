"""Each caller's own answer out of shared bulk writes, on a real mongod that may go away in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.runtime import mongo
from services.runtime.group_commit import GroupCommit, WriteUnknown
from services.runtime.mongo import Client, Collection, Database, OperationFailure
from tests.servers.choice import RunningServer


@pytest.fixture
def drafts(db: Database) -> Collection:
    return db["drafts"]


@pytest.fixture
async def own_client(own_mongod: RunningServer) -> AsyncIterator[Client]:
    client = mongo.open_client(own_mongod.url)
    yield client
    client.close()


async def fail(client: Client, **data: Any) -> None:
    await client.admin.command("configureFailPoint", "failCommand", mode={"times": data.pop("times", 1)}, data=data)


async def test_of_many_inserts_of_the_same_ids_exactly_one_each_is_told_true(drafts: Collection) -> None:
    commit = GroupCommit(drafts)
    answers = await asyncio.gather(*(commit.insert({"_id": n % 100, "writer": n}) for n in range(1000)))
    assert sum(answers) == 100
    stored = {document["_id"]: document["writer"] async for document in drafts.find()}
    assert stored == {n % 100: n for n, won in enumerate(answers) if won}


async def test_of_many_guarded_updates_exactly_those_that_matched_are_told_true(drafts: Collection) -> None:
    commit = GroupCommit(drafts)
    await drafts.insert_many([{"_id": n, "state": "queued" if n % 3 else "sent", "claims": 0} for n in range(300)])
    answers = await asyncio.gather(
        *(
            commit.update({"_id": n, "state": "queued"}, {"$set": {"state": "claimed"}, "$inc": {"claims": 1}})
            for n in range(400)
        )
    )
    assert answers == [n < 300 and n % 3 != 0 for n in range(400)]
    assert await drafts.count_documents({}) == 300
    assert await drafts.count_documents({"claims": 1, "state": "claimed"}) == 200
    assert await drafts.count_documents({"claims": {"$gt": 1}}) == 0


async def test_of_two_that_claim_the_same_document_one_wins(drafts: Collection) -> None:
    commits = GroupCommit(drafts), GroupCommit(drafts)
    await drafts.insert_many([{"_id": n, "owner": None} for n in range(200)])
    answers = await asyncio.gather(
        *(
            commits[owner].update({"_id": n, "owner": None}, {"$set": {"owner": owner}})
            for n in range(200)
            for owner in (0, 1)
        )
    )
    assert sum(answers) == 200
    assert all(sum(pair) == 1 for pair in zip(answers[::2], answers[1::2], strict=True))


async def test_inserts_and_updates_share_a_bulk_and_keep_their_answers(drafts: Collection) -> None:
    commit = GroupCommit(drafts)
    await drafts.insert_one({"_id": "here"})
    answers = await asyncio.gather(
        commit.insert({"_id": "new"}),
        commit.update({"_id": "here"}, {"$set": {"seen": True}}),
        commit.insert({"_id": "here"}),
        commit.update({"_id": "nowhere"}, {"$set": {"seen": True}}),
    )
    assert list(answers) == [True, True, False, False]
    assert await drafts.count_documents({}) == 2


async def test_a_unique_key_besides_the_id_counts_as_existing(drafts: Collection) -> None:
    await drafts.create_index("request", unique=True)
    commit = GroupCommit(drafts)
    answers = await asyncio.gather(*(commit.insert({"_id": n, "request": "r-1"}) for n in range(5)))
    assert sum(answers) == 1


async def test_one_bad_write_fails_its_caller_alone(drafts: Collection) -> None:
    commit = GroupCommit(drafts)
    await drafts.insert_one({"_id": 1, "n": "not a number"})
    good, bad = await asyncio.gather(
        commit.insert({"_id": 2}), commit.update({"_id": 1}, {"$inc": {"n": 1}}), return_exceptions=True
    )
    assert good is True
    assert isinstance(bad, OperationFailure)


async def test_a_filter_that_could_never_be_inserted_still_gets_a_plain_answer(drafts: Collection) -> None:
    commit = GroupCommit(drafts)
    await drafts.insert_one({"_id": 1, "owed": [{"id": "e-1"}], "state": "sent"})
    answers = await asyncio.gather(
        commit.update({"_id": 1, "owed.id": "e-1"}, {"$pull": {"owed": {"id": "e-1"}}}),
        commit.update({"_id": 2, "owed.id": "e-1"}, {"$pull": {"owed": {"id": "e-1"}}}),
        commit.update({"_id": 1, "$and": [{"state": "a"}, {"state": "b"}]}, {"$set": {"state": "c"}}),
    )
    assert list(answers) == [True, False, False]


async def test_an_update_without_a_document_of_its_own_is_refused(drafts: Collection) -> None:
    with pytest.raises(ValueError, match="_id"):
        await GroupCommit(drafts).update({"state": "queued"}, {"$set": {"state": "claimed"}})


async def test_closing_writes_what_is_pending_and_takes_no_more(drafts: Collection) -> None:
    commit = GroupCommit(drafts)
    writing = [asyncio.create_task(commit.insert({"_id": n})) for n in range(1200)]
    await asyncio.sleep(0)
    await commit.close()
    assert await drafts.count_documents({}) == 1200
    assert all(await asyncio.gather(*writing))
    with pytest.raises(RuntimeError, match="closed"):
        await commit.insert({"_id": "late"})


async def test_a_step_down_under_load_loses_no_answer(own_client: Client) -> None:
    drafts = own_client["test"]["drafts"]
    commit = GroupCommit(drafts)
    await commit.insert({"_id": "first"})
    await fail(own_client, failCommands=["insert", "update"], errorCode=10107, closeConnection=False, times=1)
    answers = await asyncio.gather(*(commit.insert({"_id": n}) for n in range(100)))
    assert answers == [True] * 100
    assert await drafts.count_documents({}) == 101


async def test_an_insert_cut_off_twice_still_gets_its_true_answer(own_client: Client) -> None:
    drafts = own_client["test"]["drafts"]
    commit = GroupCommit(drafts)
    await commit.insert({"_id": "taken", "at": datetime.now(UTC)})
    await fail(own_client, failCommands=["insert"], closeConnection=True, times=2)
    answers = await asyncio.gather(
        commit.insert({"_id": "new", "at": datetime.now(UTC)}), commit.insert({"_id": "taken", "other": 1})
    )
    assert list(answers) == [True, False]


async def test_an_insert_stored_without_its_concern_is_told_true(own_client: Client) -> None:
    drafts = own_client["test"]["drafts"]
    commit = GroupCommit(drafts)
    await fail(
        own_client,
        failCommands=["insert"],
        writeConcernError={"code": 64, "errmsg": "waiting for replication timed out"},
    )
    now = datetime.now(UTC)
    answers = await asyncio.gather(commit.insert({"_id": 1, "at": now}), commit.insert({"_id": 2, "at": now}))
    assert list(answers) == [True, True]


async def test_an_update_cut_off_in_the_middle_is_unknown_and_not_repeated(own_client: Client) -> None:
    drafts = own_client["test"]["drafts"]
    commit = GroupCommit(drafts)
    await commit.insert({"_id": 1, "n": 0})
    await fail(own_client, failCommands=["update"], closeConnection=True, times=2)
    with pytest.raises(WriteUnknown):
        await commit.update({"_id": 1}, {"$inc": {"n": 1}})
    document = await drafts.find_one({"_id": 1})
    assert document is not None
    assert document["n"] <= 1


async def test_writes_wait_out_a_restarted_server(own_mongod: RunningServer, own_client: Client) -> None:
    commit = GroupCommit(own_client["test"]["drafts"])
    await commit.insert({"_id": "before"})
    own_mongod.kill()
    writing = asyncio.create_task(commit.insert({"_id": "during"}))
    await own_mongod.start()
    try:
        assert await writing is True
    except mongo.OUTAGES:
        assert await commit.insert({"_id": "during"}) is True
    assert await own_client["test"]["drafts"].count_documents({}) == 2
