"""Reads a folder's pages ahead: the next ones are fetched, and already being judged, while the last is got over.

Most looks find one page at most: for those there is no second task, no queue and no cost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.providers.errors import Transient
from services.providers.types import Page

J = TypeVar("J")
PAGES_AT_ONCE = 3
"""Held in memory: the one got over, one being judged, one being fetched."""


@dataclass(frozen=True, slots=True)
class _Arrived(Generic[J]):
    page: Page
    judging: asyncio.Task[J]


class Ahead(Generic[J]):
    """Pages in order, each with its judging where that was begun. `close` at the end."""

    __slots__ = ("_arrived", "_done", "_free", "_judge", "_news", "_pages", "_producer", "_room", "_seconds")

    def __init__(
        self,
        pages: AsyncIterator[Page],
        judge: Callable[[Page], Coroutine[Any, Any, J]],
        free: asyncio.Lock,
        seconds: float,
    ) -> None:
        """`free` is taken while a page is read; `seconds`: how long one may take at the very most."""
        self._pages = pages
        self._judge = judge
        self._free = free
        self._seconds = seconds
        self._producer: asyncio.Task[None] | None = None
        self._arrived: deque[_Arrived[J] | Exception] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Semaphore(PAGES_AT_ONCE - 1)
        self._done = False

    async def next(self) -> tuple[Page, asyncio.Task[J] | None] | None:
        """None after the last. Where no judging comes with it, that is the caller's own. Raises what the client
        raises, in its turn, and `TimeoutError` for a page that takes too long."""
        if self._done:
            return None
        if self._producer is None:
            page = await self._read()
            self._done = not page.more
            if page.more:
                self._producer = asyncio.create_task(self._read_on())
            return page, None
        self._room.release()  # the page before is got over
        while not self._arrived:
            self._news.clear()
            await self._news.wait()
        arrived = self._arrived.popleft()
        if isinstance(arrived, Exception):
            self._done = True
            raise arrived
        self._done = not arrived.page.more
        return arrived.page, arrived.judging

    async def close(self) -> None:
        if self._producer is not None:
            await _end(self._producer)
        await _end(*(arrived.judging for arrived in self._arrived if isinstance(arrived, _Arrived)))
        close = getattr(self._pages, "aclose", None)
        if close is not None:
            await close()

    async def _read_on(self) -> None:
        more = True
        while more:
            await self._room.acquire()
            try:
                page = await self._read()
            except Exception as error:  # noqa: BLE001 - it is the reader's, who comes to it after the pages before
                self._arrived.append(error)
                more = False
            else:
                self._arrived.append(_Arrived(page, asyncio.create_task(self._judge(page))))
                more = page.more
            self._news.set()

    async def _read(self) -> Page:
        async with self._free, asyncio.timeout(self._seconds):
            page = await anext(self._pages, None)
        if page is None:
            raise Transient("incomplete_pages", words="the last page never came")
        return page


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
