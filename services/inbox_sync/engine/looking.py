"""One look at one folder: from its place to its end, page by page, each page's finds and place moving together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from replywire_contracts.event import Event

from services.inbox_sync.domain import facts, places, refs, words
from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.mailboxes import Account, Fence
from services.inbox_sync.domain.places import Place, RunKind
from services.inbox_sync.engine.ahead import Ahead
from services.inbox_sync.engine.sifting import Judged, Sieve
from services.inbox_sync.engine.tools import Tools
from services.inbox_sync.ports import Step
from services.providers.errors import CursorVoid, Permanent, Scope, Transient
from services.providers.protocols import MailboxSession
from services.providers.types import Folder, Page
from services.runtime.failpoints import hit
from services.runtime.logging import get_logger

_MOST_OCTETS = 16 * 2**20
_MOST_FINDS = 100
"""Finds are stored in pieces of this size; the place moves with the last piece of its page."""
_MOST_VOIDS = 3

_log = get_logger(__name__)


class FolderUnreadable(Exception):
    """The server will not open this folder. The mailbox's others may be read all the same."""


@dataclass(slots=True)
class Look:
    tools: Tools
    account: Account
    fence: Fence
    session: MailboxSession
    folder: Folder
    place: Place
    on_page: Callable[[Page], Awaitable[None]]
    careful: bool = False
    """Until the first page is got over."""
    _saved: Place = field(init=False)
    """As the database has it."""
    _saved_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._saved = self.place
        self._saved_at = asyncio.get_running_loop().time()

    async def to_the_end(self) -> Place:
        """The place when the folder holds nothing more. Raises what the client raises, `LeaseLost`,
        `JudgeUnavailable`, `FolderUnreadable`; the pages got over until then are saved."""
        looked_at = self.tools.now()
        for _ in range(_MOST_VOIDS):
            free = asyncio.Lock()
            sieve = Sieve(self.tools, self.account, self.session, free, refs.prefix(self.folder.id))
            pages = Ahead(self._pages(), sieve.judge_page, free, self.tools.rules.page_seconds)
            try:
                await self._read(pages, sieve, looked_at)
                return self.place
            except CursorVoid as void:
                self.place = places.voided(self.place, words.of_cursor(void.reason), looked_at)
                await self.save()
            finally:
                await pages.close()
        raise Transient("cursor_void", words="the folder changed again and again", scope=Scope.MAILBOX)

    async def save(self) -> None:
        """Write the place down as it is."""
        place = self.place
        await self.tools.ledger.commit(self.fence, (), lambda _: Step(place))
        self._saved = place
        self._saved_at = asyncio.get_running_loop().time()

    def _pages(self) -> AsyncIterator[Page]:
        if self.place.cursor is not None:
            return self.session.changes(self.folder, self.place.cursor)
        assert self.place.run is not None, "a place without a cursor is about to be read from some time on"
        return self.session.rescan(self.folder, self.place.run.since)

    async def _read(self, pages: Ahead[Judged], sieve: Sieve, looked_at: datetime) -> None:
        try:
            arrived = await pages.next()
        except Permanent as refused:
            raise FolderUnreadable from refused
        while arrived is not None:
            page, judging = arrived
            if page.headers:
                hit("inbox_sync.after_fetch")
            if self.careful:
                await self._take(page, sieve.finds_carefully(page.headers), looked_at)
                self.careful = False
                await self.tools.poison.forgive(self.account.account_id)
            else:
                judged = await (sieve.judge(page.headers) if judging is None else judging)
                await sieve.judge_kin(page.headers, judged)
                await self._take(page, sieve.finds(judged), looked_at)
            await self.on_page(page)
            arrived = await pages.next()

    async def _take(self, page: Page, found: AsyncIterator[Find], looked_at: datetime) -> None:
        """Store the finds of one page, in pieces where they are many; the place moves with the last."""
        finds: dict[str, Find] = {}
        new = 0
        async for find in found:
            finds.setdefault(find.id, find)
            if len(finds) >= _MOST_FINDS or sum(one.size for one in finds.values()) > _MOST_OCTETS:
                new += await self._commit(tuple(finds.values()), None)
                finds.clear()
        await self._get_over(page, tuple(finds.values()), new, looked_at)

    async def _get_over(self, page: Page, finds: Sequence[Find], new_before: int, looked_at: datetime) -> None:
        before = self.place

        def step(new: int) -> Step:
            after = places.judged(before, page, new_before + new, looked_at)
            return Step(after, self._owed(before, after, new_before + new, page))

        as_it_is = step(0)
        if finds or as_it_is.owed:
            await self._commit(finds, step)
        elif self._must_save(page, as_it_is.place):
            if page.headers:
                hit("inbox_sync.before_cursor")
            self.place = as_it_is.place
            await self.save()
        elif page.more:
            self.place = as_it_is.place

    async def _commit(self, finds: Sequence[Find], step: Callable[[int], Step] | None) -> int:
        """How many of the finds were new; those are announced."""
        moved: list[Place] = []

        def noted(new: int) -> Step:
            assert step is not None
            result = step(new)
            moved.append(result.place)
            return result

        hit("inbox_sync.before_cursor")
        committed = await self.tools.ledger.commit(self.fence, finds, None if step is None else noted)
        if moved:
            self.place = self._saved = moved[-1]
            self._saved_at = asyncio.get_running_loop().time()
        hit("inbox_sync.after_commit")
        await asyncio.gather(*(self._announce(find) for find in committed.finds))
        if committed.finds:
            hit("inbox_sync.after_publish")
        await self.tools.ledger.settle(self.fence, committed)
        return len(committed.finds)

    async def _announce(self, find: Find) -> None:
        try:
            await self.tools.bus.announce(find)
        except Exception as error:  # noqa: BLE001 - it is stored and owed: the sweeper announces it
            _log.warning(
                "a find is left to the sweeper",
                account_id=find.account_id,
                find_id=find.id,
                at=words.origin(error),
            )

    def _must_save(self, page: Page, after: Place) -> bool:
        """A backlog's places are saved twice a second, its end always, and a quiet look once an hour."""
        if page.more:
            return asyncio.get_running_loop().time() - self._saved_at >= self.tools.rules.save_every
        return places.worth_saving(self._saved, after)

    def _owed(self, before: Place, after: Place, new: int, page: Page) -> Sequence[Event]:
        """A gap is reported when it is closed."""
        run = before.run
        if run is None or run.kind is not RunKind.GAP or after.run is not None:
            return ()
        closed = replace(run, judged=run.judged + len(page.headers), found=run.found + new)
        account = self.account
        return (facts.gap_repaired(account.team_id, account.account_id, after, closed, self.tools.now()),)
