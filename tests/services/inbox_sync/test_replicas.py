"""Who reads what, and what a replica that dies, freezes or stops leaves to the others."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from replywire_contracts.v1.inbox import InboxMatched

from services.inbox_sync.domain.placement import preferred
from tests.servers.dovecot import Dovecot, mail
from tests.services.inbox_sync.conftest import REPLY, a_user, mailbox, reading
from tests.services.inbox_sync.world import World

REPLICAS = ("first", "second")


def users_of(replica: str, number: int) -> Sequence[str]:
    """Whose mailboxes this one of two reads: left to chance, all of eight are now and then the same one's."""
    found: list[str] = []
    while len(found) < number:
        user = a_user()
        if preferred(user, REPLICAS) == replica:
            found.append(user)
    return found


async def held_by(world: World, account_id: str, *, other_than: str | None = None) -> dict[str, Any]:
    """The lease, once somebody (else) has it."""
    async with asyncio.timeout(30):
        while True:
            lease = await world.db["leases"].find_one({"_id": account_id, "owner": {"$nin": [None, other_than]}})
            if lease is not None:
                return lease
            await asyncio.sleep(0.02)


async def test_a_killed_replicas_mailboxes_are_read_by_the_other(
    world: World, dovecot: Dovecot, tmp_path: Path
) -> None:
    user = a_user()
    given = reading(dovecot)
    async with world.process(tmp_path / "first", instance_id="first", **given) as first:
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        before = await held_by(world, user)
        async with world.replica(instance_id="second", **given):
            # Whichever of the two has it by now is not killed here: the first is.
            first.kill()
            dovecot.deliver(user, mail(1, lines=(REPLY,)))
            await world.until(world.matched)
            after = await held_by(world, user)
    assert before["owner"] == "first"
    assert after["owner"] == "second"
    assert after["token"] > before["token"]
    assert len(world.matched()) == 1


async def test_a_replica_that_stops_hands_over_at_once(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    given = {**reading(dovecot), "mailbox_lease_seconds": 600, "mailbox_renew_seconds": 100}
    async with world.replica(instance_id="first", **given):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        assert (await held_by(world, user))["owner"] == "first"
    async with world.replica(instance_id="second", **given):
        # Within a lease of ten minutes this can only be because it was released.
        dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
        assert (await held_by(world, user))["owner"] == "second"


async def test_a_replica_frozen_past_its_lease_writes_nothing_when_it_wakes(
    world: World, dovecot: Dovecot, tmp_path: Path
) -> None:
    user = a_user()
    given = reading(dovecot)
    async with world.process(tmp_path / "first", instance_id="first", **given) as first:
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        first.send_signal(signal.SIGSTOP)
        async with world.replica(instance_id="second", **given):
            lease = await held_by(world, user, other_than="first")
            dovecot.deliver(user, mail(1, lines=(REPLY,)))
            await world.until(world.matched)
            first.send_signal(signal.SIGCONT)
            dovecot.deliver(user, mail(2, lines=(REPLY,)))
            await world.until(lambda: len(world.matched()) == 2)
            async for place in world.db["cursors"].find({"account_id": user}):
                assert place["token"] >= lease["token"]
    assert len(world.seen(InboxMatched)) == 2


async def test_a_second_replica_takes_its_share_and_every_mailbox_has_one_reader(
    world: World, dovecot: Dovecot
) -> None:
    users = [user for replica in REPLICAS for user in users_of(replica, 4)]
    given = reading(dovecot)
    async with world.replica(instance_id="first", **given) as first:
        for user in users:
            await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(*users)
        async with world.replica(instance_id="second", **given) as second:
            async with asyncio.timeout(30):
                while not second.holder.held or set(first.holder.held) & set(second.holder.held):
                    await asyncio.sleep(0.05)
                while len(first.holder.held) + len(second.holder.held) < len(users):
                    await asyncio.sleep(0.05)
            for user in users:
                dovecot.deliver(user, mail(1, lines=(REPLY,)))
            await world.until(lambda: len(world.matched()) == len(users))
    assert len(world.seen(InboxMatched)) == len(users)


@pytest.mark.parametrize("place", ["after_fetch", "before_cursor", "after_commit", "after_publish"])
async def test_a_kill_loses_no_answer_and_announces_none_twice_to_an_idempotent_reader(
    world: World, dovecot: Dovecot, tmp_path: Path, place: str
) -> None:
    user = a_user()
    given = {**reading(dovecot), "instance_id": "first"}
    async with world.process(tmp_path / "first", **given):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
    async with world.process(tmp_path / "second", failpoints=f"inbox_sync.{place}=kill", **given) as process:
        dovecot.deliver(user, mail(1), mail(2, lines=(REPLY,)), mail(3))
        assert await asyncio.to_thread(process.wait, 30) == -signal.SIGKILL
    await world.db["finds"].update_many({"due": {"$exists": True}}, {"$set": {"due": datetime(2000, 1, 1, tzinfo=UTC)}})
    async with world.process(tmp_path / "third", **given):
        await world.until(world.matched)
        dovecot.deliver(user, mail(4, lines=(REPLY,)))
        await world.until(lambda: len(world.matched()) == 2)
    assert [b"<2@" in (found.raw or b"") for found in world.matched()] == [True, False]
    assert await world.db["finds"].count_documents({}) == 2
