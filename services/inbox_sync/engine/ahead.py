"""Reads a folder's pages one ahead: the next is on its way while the last is being judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from services.providers.types import Page


class Ahead:
    """Holds two pages at most. `settled` before the session is used for anything else; `close` at the end."""

    __slots__ = ("_coming", "_done", "_pages", "_seconds")

    def __init__(self, pages: AsyncIterator[Page], seconds: float) -> None:
        """`seconds`: how long one page may take at the very most."""
        self._pages = pages
        self._seconds = seconds
        self._coming: asyncio.Task[Page | None] | None = None
        self._done = False

    async def next(self) -> Page | None:
        """None after the last. Raises what the client raises, `TimeoutError` for a page that takes too long."""
        if self._done:
            return None
        coming, self._coming = self._coming, None
        page = await (self._read() if coming is None else coming)
        if page is None or not page.more:
            self._done = True
        else:
            self._coming = asyncio.create_task(self._read())
        return page

    async def settled(self) -> None:
        """Until nothing is on its way, so that the session is free. What went wrong with the page, `next` will tell."""
        if self._coming is not None:
            await asyncio.wait((self._coming,))

    async def close(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
            self._coming = None
        close = getattr(self._pages, "aclose", None)
        if close is not None:
            await close()

    async def _read(self) -> Page | None:
        async with asyncio.timeout(self._seconds):
            return await anext(self._pages, None)
