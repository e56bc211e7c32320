"""Cursors and finds on a real mongod: together or not at all, and never under an old fencing number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.inbox_sync.adapters.find_rows import FindRows
from services.inbox_sync.adapters.finds import MongoFinds
from services.inbox_sync.adapters.indexes import INDEXES
from services.inbox_sync.adapters.ledger import MongoLedger
from services.inbox_sync.adapters.seal import FindSeal
from services.inbox_sync.domain import facts
from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.mailboxes import Fence
from services.inbox_sync.domain.places import Place, Run, RunKind
from services.inbox_sync.ports import LeaseLost, Step
from services.runtime.mongo import Database, open_client
from services.runtime.owed import OwedEvents
from services.runtime.provision import create_indexes
from tests.services.inbox_sync.world import KEYS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIND = Find("find-1", "acme", "account", "INBOX/1:1", NOW, NOW, b"raw", b"block")
PLACE = Place("INBOX", "INBOX", cursor="1:1", seen_at=NOW)
OLD, NEW = Fence("account", 1), Fence("account", 2)


@dataclass
class Store:
    db: Database
    ledger: MongoLedger
    finds: MongoFinds

    async def rows(self, collection: str) -> list[dict[str, Any]]:
        return [row async for row in self.db[collection].find({})]


@pytest.fixture
async def store(mongodb_url: str, mongodb_database: str) -> AsyncIterator[Store]:
    client = open_client(mongodb_url)
    await create_indexes(client, mongodb_database, INDEXES)
    db = client[mongodb_database]
    rows = FindRows(FindSeal(KEYS), timedelta(days=30))
    unused: Any = None  # nothing is published by what is tested here
    owed = OwedEvents(db["mailboxes"], unused)
    yield Store(db, MongoLedger(client, db, rows, owed), MongoFinds(db, rows))
    client.close()


def to(place: Place) -> Any:
    return lambda _new: Step(place)


async def test_what_was_committed_is_read_back_by_the_next_holder(store: Store) -> None:
    run = Run(RunKind.GAP, since=NOW, reason="renumbered", judged=3, found=1)
    await store.ledger.commit(OLD, (), to(replace(PLACE, run=run)))
    assert await store.ledger.claim(NEW) == {"INBOX": replace(PLACE, run=run)}


async def test_an_old_holder_writes_neither_place_nor_find(store: Store) -> None:
    await store.ledger.commit(OLD, (), to(PLACE))
    await store.ledger.claim(NEW)
    moved = replace(PLACE, cursor="1:2")
    with pytest.raises(LeaseLost):
        await store.ledger.commit(OLD, (), to(moved))
    with pytest.raises(LeaseLost):
        await store.ledger.commit(OLD, [FIND], to(moved))
    with pytest.raises(LeaseLost):
        await store.ledger.claim(OLD)
    assert await store.rows("finds") == []
    assert (await store.ledger.claim(NEW))["INBOX"].cursor == "1:1"


async def test_a_failed_commit_leaves_no_find_behind(store: Store) -> None:
    def failing(_new: int) -> Step:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await store.ledger.commit(OLD, [FIND], failing)
    assert await store.rows("finds") == []
    assert await store.rows("cursors") == []


async def test_a_find_met_again_is_not_new(store: Store) -> None:
    told: list[int] = []

    def step(new: int) -> Step:
        told.append(new)
        return Step(PLACE)

    assert (await store.ledger.commit(OLD, [FIND], step)).finds == (FIND,)
    again = replace(FIND, ref="Junk/1:9")
    other = replace(FIND, id="find-2")
    assert (await store.ledger.commit(OLD, [again, other], step)).finds == (other,)
    assert told[-1] == 1
    assert {row["ref"] for row in await store.rows("finds")} == {"INBOX/1:1"}


async def test_an_event_and_its_cause_are_one(store: Store) -> None:
    run = Run(RunKind.GAP, since=NOW, reason="renumbered")
    event = facts.gap_repaired("acme", "account", PLACE, run, NOW)
    with pytest.raises(LeaseLost):  # no mailbox under this number: the place must not move either
        await store.ledger.commit(NEW, (), lambda _: Step(PLACE, (event,)))
    assert await store.rows("cursors") == []
    await store.db["mailboxes"].insert_one({"_id": "account", "token": 2, "owed": []})
    committed = await store.ledger.commit(NEW, (), lambda _: Step(PLACE, (event,)))
    [mailbox] = await store.rows("mailboxes")
    assert [owed["id"] for owed in mailbox["owed"]] == [event.id]
    assert [owed["id"] for owed in committed.owed] == [event.id]


async def test_a_find_is_told_again_exactly_as_it_was(store: Store) -> None:
    gone = replace(FIND, id="find-2", raw=None, thread="thread", truncated=False, request_id="request")
    await store.ledger.commit(OLD, [FIND, gone], None)
    later = NOW + timedelta(minutes=1)
    due = await store.finds.due(later, 10)
    opened = [await store.finds.again(one, later) for one in sorted(due, key=lambda one: one.id)]
    assert [facts.matched(find, None) for find in opened if find] == [facts.matched(f, None) for f in (FIND, gone)]
    assert [await store.finds.again(one, later) for one in due] == [None, None], "two sweepers publish it once"
    assert list(await store.finds.due(later, 10)) == []


async def test_a_confirmed_find_keeps_its_name_and_loses_its_octets(store: Store) -> None:
    await store.ledger.commit(OLD, [FIND], None)
    await store.finds.held([FIND.id])
    [row] = await store.rows("finds")
    assert "sealed" not in row
    assert (await store.ledger.commit(OLD, [FIND], None)).finds == ()
