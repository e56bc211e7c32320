"""A client that misbehaves on demand: one mailbox's trouble is its own, and a match is not lost by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from replywire_contracts.v1.mailbox import MailboxGapRepaired, MailboxSynced

from services.providers.errors import Permanent, Transient
from services.providers.memory import WORLD
from services.providers.memory.world import MemoryAccount, Step
from tests.servers.dovecot import mail
from tests.services.inbox_sync.conftest import REPLY, a_user
from tests.services.inbox_sync.world import World


@pytest.fixture(autouse=True)
def _no_faults_left() -> Iterator[None]:
    yield
    WORLD._faults.clear()


async def connected(world: World, user: str, **more: Any) -> MemoryAccount:
    address = f"{user}@example.com"
    account = WORLD.accounts.get(address) or WORLD.add_account(address)
    await world.connect(user, {}, {"password": "secret"}, client="memory", address=address, **more)
    return account


async def test_a_match_whose_body_can_never_be_fetched_is_announced_by_its_headers(world: World) -> None:
    user = a_user()
    async with world.replica():
        account = await connected(world, user)
        await world.until_watching(user)
        WORLD.misbehave(Step.FETCH, *[Transient("connection_lost")] * 5)
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)), mail(2))
        await world.until(world.matched)
    [found] = world.matched()
    assert found.gone
    assert found.raw is None
    assert b"<1@example.org>" in (found.header_block or b"")


async def test_a_body_that_fails_once_is_fetched_the_next_time(world: World) -> None:
    user = a_user()
    async with world.replica():
        account = await connected(world, user)
        await world.until_watching(user)
        WORLD.misbehave(Step.FETCH, Transient("connection_lost"))
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
    assert [found.gone for found in world.matched()] == [False]


async def test_a_mailbox_that_stands_still_delays_no_other(world: World) -> None:
    stuck, user = a_user(), a_user()
    never = asyncio.Event()
    async with world.replica():
        WORLD.misbehave(Step.CHANGES, never)
        await connected(world, stuck)
        while WORLD._faults[Step.CHANGES]:
            await asyncio.sleep(0.01)
        account = await connected(world, user)
        await world.until_watching(user)
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
        assert stuck not in {event.account_id for event in world.seen(MailboxSynced)}
    never.set()


async def test_a_backlog_is_announced_as_it_is_read_and_each_message_judged_once(world: World) -> None:
    user = a_user()
    account = WORLD.add_account(f"{user}@example.com")
    WORLD.deliver(account.address, *(mail(n, lines=(REPLY,) if n % 100 == 7 else ()) for n in range(1000)))
    async with world.replica():
        await connected(world, user)
        await world.until_watching(user)
        await world.until(lambda: len(world.matched()) == 10)
    assert set(world.matching.judged.values()) == {1}
    assert len(world.matching.judged) == 1000
    last = world.seen(MailboxSynced)[-1]
    assert (last.complete, last.progress.done, last.progress.remaining) == (True, 1000, 0)


async def test_an_answer_that_names_only_an_answer_beside_it_is_found_too(world: World) -> None:
    user = a_user()
    world.matching.remembers = True
    account = WORLD.add_account(f"{user}@example.com")
    chain = [mail(1, lines=(REPLY,)), *(mail(n, lines=(f"In-Reply-To: <{n - 1}@example.org>",)) for n in range(2, 6))]
    WORLD.deliver(account.address, *chain, *(mail(n) for n in range(100, 350)))
    late = mail(6, lines=("In-Reply-To: <5@example.org>",))
    WORLD.deliver(account.address, late)
    async with world.replica():
        await connected(world, user)
        await world.until_watching(user)
        await world.until(lambda: len(world.matched()) == 6)


async def test_renumbering_under_a_reader_is_repaired(world: World) -> None:
    user = a_user()
    async with world.replica():
        account = await connected(world, user)
        await world.until_watching(user)
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
        account.folders["INBOX"].renumber()
        WORLD.deliver(account.address, mail(2, lines=(REPLY,)))
        await world.until(lambda: world.seen(MailboxGapRepaired))
        await world.until(lambda: len(world.matched()) == 2)
    [repaired] = world.seen(MailboxGapRepaired)
    assert (repaired.rescanned, repaired.found) == (2, 1)


async def test_a_refused_mailbox_is_tried_again_only_when_reconnected(world: World) -> None:
    user = a_user()
    async with world.replica() as replica:
        account = await connected(world, user)
        await world.until_watching(user)
        account.password = "changed"
        account.stir()
        WORLD.misbehave(Step.WAIT, Transient("connection_lost"))
        async with asyncio.timeout(20):
            while not world.auth.rejected or user in replica.holder.held:
                await asyncio.sleep(0.02)
        account.password = "secret"
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)))
        await connected(world, user, revision=2)
        await world.until(world.matched)
    assert len(world.auth.rejected) == 1


async def test_auth_has_the_last_word_about_a_refused_mailbox(world: World) -> None:
    user = a_user()
    async with world.replica(heal_seconds=0.2):
        account = await connected(world, user)
        await world.until_watching(user)
        account.password = "changed"
        WORLD.misbehave(Step.WAIT, Transient("connection_lost"))
        account.stir()
        async with asyncio.timeout(20):
            while not world.auth.rejected:
                await asyncio.sleep(0.02)
        account.password = "secret"  # and auth goes on listing the account as connected
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)))
        await world.until(world.matched)


async def test_a_client_without_an_inbox_is_none_of_our_business(world: World) -> None:
    user = a_user()
    async with world.replica():
        await world.connect("external", {}, {}, client="external")
        await connected(world, user)
        await world.until_watching(user)
    assert [row["_id"] async for row in world.db["mailboxes"].find({})] == [user]


async def test_a_folder_that_will_not_open_stops_no_other(world: World) -> None:
    user = a_user()
    async with world.replica(log_level="DEBUG"):
        account = await connected(world, user)
        await world.until_watching(user)
        # INBOX is looked at first, then Junk: the first refusal is for Junk.
        WORLD.misbehave(Step.CHANGES, *(asyncio.Event(),))
        WORLD._faults[Step.CHANGES][0].set()  # type: ignore[union-attr]
        WORLD.misbehave(Step.CHANGES, Permanent("no_such_folder", words="Junk is gone"))
        WORLD.deliver(account.address, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
        WORLD.deliver(account.address, mail(2, lines=(REPLY,)))
        await world.until(lambda: len(world.matched()) == 2)
    assert world.seen(MailboxSynced)[-1].complete
