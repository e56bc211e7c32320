"""Gates, reading ahead, seals and the choice of folders."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from services.inbox_sync.adapters.seal import CannotOpen, FindSeal
from services.inbox_sync.domain.folders import names, watched
from services.inbox_sync.engine.ahead import Ahead
from services.inbox_sync.engine.gates import Gates
from services.providers.errors import Transient
from services.providers.types import Folder, FolderRole, Page

ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


async def test_a_gate_lets_so_many_through_at_once_and_hosts_are_apart() -> None:
    gates = Gates(at_once=2, per_second=10_000)
    inside, most, leave = 0, 0, asyncio.Event()

    async def pass_through(host: str) -> None:
        nonlocal inside, most
        async with gates.passage(host):
            inside += 1
            most = max(most, inside)
            await leave.wait()
            inside -= 1

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(pass_through("one.example.com"))
        while inside < 2:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert inside == 2
        async with gates.passage("two.example.com"):
            leave.set()
    assert most == 2


async def test_a_gate_keeps_the_rate_and_the_hosts_wish_for_peace() -> None:
    gates = Gates(at_once=10, per_second=50)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(6):
        async with gates.passage("mail.example.com"):
            pass
    assert loop.time() - began >= 0.1
    gates.close_for("mail.example.com", 0.2)
    asked = loop.time()
    async with gates.passage("mail.example.com"):
        assert loop.time() - asked >= 0.2


async def pages(number: int, read: list[int], fail_at: int | None = None) -> AsyncIterator[Page]:
    for n in range(number):
        read.append(n)
        if n == fail_at:
            raise Transient("connection_lost")
        yield Page((), str(n), more=n < number - 1)


def ahead_of(source: AsyncIterator[Page], judged: list[str] | None = None) -> Ahead[str]:
    async def judge(page: Page) -> str:
        if judged is not None:
            judged.append(page.cursor)
        return page.cursor

    return Ahead(source, judge, asyncio.Lock(), 3600)


async def turns(number: int = 50) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_later_pages_are_fetched_and_judged_while_the_first_is_worked_on() -> None:
    read: list[int] = []
    judged: list[str] = []
    ahead = ahead_of(pages(9, read), judged)
    first = await ahead.next()
    await turns()
    assert first is not None
    assert (first[0].cursor, first[1]) == ("0", None)
    assert (read, judged) == ([0, 1, 2], ["1", "2"]), "three pages are held, no more"
    seen = [first[0].cursor]
    while (arrived := await ahead.next()) is not None:
        page, judging = arrived
        assert judging is not None
        assert await judging == page.cursor
        seen.append(page.cursor)
    assert seen == [str(n) for n in range(9)]
    await ahead.close()


async def test_a_failure_on_the_way_is_told_in_its_turn() -> None:
    ahead = ahead_of(pages(4, [], fail_at=2))
    await ahead.next()
    await turns()
    assert await ahead.next() is not None
    with pytest.raises(Transient):
        await ahead.next()
    await ahead.close()


async def test_pages_that_end_without_a_last_one_are_a_failure() -> None:
    async def cut() -> AsyncIterator[Page]:
        yield Page((), "0", more=True)

    ahead = ahead_of(cut())
    await ahead.next()
    with pytest.raises(Transient):
        await ahead.next()
    await ahead.close()


async def test_no_page_is_read_while_the_session_is_used_for_something_else() -> None:
    read: list[int] = []
    free = asyncio.Lock()

    async def judge(page: Page) -> str:
        return page.cursor

    ahead = Ahead(pages(3, read), judge, free, 3600)
    await ahead.next()
    async with free:
        await turns()
        assert read == [0]
    await turns()
    assert read == [0, 1, 2]
    await ahead.close()


async def test_closing_ends_what_is_on_its_way() -> None:
    async def endless() -> AsyncIterator[Page]:
        yield Page((), "0", more=True)
        await asyncio.Event().wait()

    ahead = ahead_of(endless())
    await ahead.next()
    await turns()
    async with asyncio.timeout(30):
        await ahead.close()


def test_a_sealed_find_opens_for_its_own_place_alone() -> None:
    seal = FindSeal(ONE)
    sealed = seal.seal(b"octets", "account/find")
    assert b"octets" not in sealed
    assert seal.open(sealed, "account/find") == b"octets"
    with pytest.raises(CannotOpen):
        seal.open(sealed, "account/another")


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed() -> None:
    sealed = FindSeal(ONE).seal(b"octets", "a/b")
    assert FindSeal(f"{TWO}, {ONE}").open(sealed, "a/b") == b"octets"
    with pytest.raises(CannotOpen):
        FindSeal(TWO).open(sealed, "a/b")


@pytest.mark.parametrize("keys", ["", ",", "c2hvcnQ=", "not base64!"])
def test_without_a_usable_key_there_is_no_start(keys: str) -> None:
    with pytest.raises(ValueError, match="key"):
        FindSeal(keys)


def test_inbox_comes_first_and_junk_is_never_left_out() -> None:
    folders = [
        Folder("a", "Archive", FolderRole.OTHER),
        Folder("s", "Sent", FolderRole.SENT),
        Folder("j", "Spam", FolderRole.JUNK),
        Folder("i", "INBOX", FolderRole.INBOX),
    ]
    assert [folder.id for folder in watched(folders, ())] == ["i", "j"]
    assert [folder.id for folder in watched(folders, ["archive"])] == ["i", "j", "a"]
    assert names(["Archive", 3]) == ("Archive",)
    assert names("Archive") == ()
