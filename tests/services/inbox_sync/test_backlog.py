"""Much to read: it is told how far the reading is, a kill starts nothing over, and only a match's body is asked for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from replywire_contracts.v1.mailbox import MailboxSynced

from services.inbox_sync.engine import reporting
from services.providers.memory import WORLD
from services.providers.memory.world import Step
from tests.servers.dovecot import Dovecot, mail
from tests.services.inbox_sync.conftest import REPLY, a_user, mailbox, reading
from tests.services.inbox_sync.world import World

MAILS = 1500


@pytest.fixture
def memory_user() -> Iterator[str]:
    user = a_user()
    WORLD.add_account(f"{user}@example.com")
    yield user
    WORLD._faults.clear()


async def connect(world: World, user: str) -> None:
    await world.connect(user, {}, {"password": "secret"}, client="memory", address=f"{user}@example.com")


async def test_a_first_sync_tells_how_far_it_is_until_it_is_complete(
    world: World, memory_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_PROGRESS_EVERY", 0.0)  # instead of every two seconds: after each page
    WORLD.deliver(f"{memory_user}@example.com", *(mail(number) for number in range(1000)))
    async with world.replica():
        await connect(world, memory_user)
        await world.until_watching(memory_user)
    told = world.seen(MailboxSynced)
    assert len(told) >= 5
    assert [event.complete for event in told] == [False] * (len(told) - 1) + [True]
    done = [event.progress.done for event in told]
    assert done == [*sorted(set(done) - {1000}), 1000]
    for event in told[:-1]:
        assert event.progress.done + (event.progress.remaining or 0) == 1000
    assert len({event.id for event in told}) == len(told)


async def test_a_kill_within_a_backlog_does_not_start_it_over(world: World, dovecot: Dovecot, tmp_path: Path) -> None:
    user = a_user()
    given = {**reading(dovecot), "instance_id": "first"}
    # An answer in each page of five hundred: what is found and the place that it was found before are one write.
    dovecot.deliver(user, *(mail(n, lines=(REPLY,) if n % 500 == 250 else ()) for n in range(MAILS)))
    async with world.process(tmp_path / "first", failpoints="inbox_sync.before_cursor=kill:3", **given) as process:
        await world.connect(user, *mailbox(dovecot, user))
        assert await asyncio.to_thread(process.wait, 60) == -signal.SIGKILL
    place = await world.db["cursors"].find_one({"_id": f"{user}/INBOX"})
    assert place is not None
    read = int(place["cursor"].partition(":")[2])
    assert 500 <= read < MAILS
    async with world.process(tmp_path / "second", **given):
        await world.until_watching(user)
    judged = world.matching.judged
    assert len(judged) == MAILS
    assert sum(times > 1 for times in judged.values()) <= MAILS - read
    assert len(world.matched()) == 3


async def test_only_the_body_of_a_match_is_asked_for(world: World, memory_user: str) -> None:
    asked_for = asyncio.Event()
    asked_for.set()
    WORLD.misbehave(Step.FETCH, *[asked_for] * 100)  # each fetch takes one away
    async with world.replica():
        await connect(world, memory_user)
        await world.until_watching(memory_user)
        others = (mail(number, lines=("In-Reply-To: <other@example.net>",)) for number in range(50))
        WORLD.deliver(f"{memory_user}@example.com", *others, *(mail(100 + n, lines=(REPLY,)) for n in range(3)))
        await world.until(lambda: len(world.matched()) == 3)
    assert sum(world.matching.judged.values()) == 53
    assert 100 - len(WORLD._faults[Step.FETCH]) == 3


async def test_what_no_notification_tells_is_found_by_the_safety_poll(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(dovecot), safety_poll_seconds=0.5):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, mail(1, lines=(REPLY,)), folder="Junk")  # IDLE tells of INBOX alone
        await world.until(world.matched)
    [found] = world.matched()
    assert found.ref.startswith("Junk/")


async def test_more_folders_are_read_where_a_setting_names_them(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    for number, folder in enumerate(("Projects", "Private")):
        dovecot.deliver(user, mail(number, lines=(REPLY,)), folder=folder)
    async with world.replica(**reading(dovecot), extra_folders=("Projects",)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        await world.until(world.matched)
    assert [found.ref.partition("/")[0] for found in world.matched()] == ["Projects"]


async def test_a_folder_that_comes_or_comes_back_is_read_without_a_new_session(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    often = {"extra_folders": ("Projects",), "safety_poll_seconds": 0.1, "folders_seconds": 0.2}
    found: list[str] = []

    async def answered(folder: str) -> None:
        number = len(found) + 1
        dovecot.deliver(user, mail(number, lines=(REPLY,)), folder=folder)
        await world.until(lambda: len(world.matched()) == number)
        found.append(folder)

    async with world.replica(**reading(dovecot), **often):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.doveadm("mailbox", "create", "-u", user, "Projects")
        await answered("Projects")
        dovecot.doveadm("mailbox", "delete", "-u", user, "Projects")
        await answered("INBOX")
        await answered("INBOX")  # the look in which the one before was found has missed the folder
        dovecot.doveadm("mailbox", "create", "-u", user, "Projects")
        await answered("Projects")
    assert [one.ref.partition("/")[0] for one in world.matched()] == found
    assert world.auth.leases[user] == 1, "one session saw all of it"
