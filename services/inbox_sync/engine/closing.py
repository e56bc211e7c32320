"""Says goodbye to mail servers on the side, so that nobody waits for a server that does not answer."""

from __future__ import annotations

import asyncio

from services.inbox_sync.domain import words
from services.providers.protocols import MailboxSession
from services.runtime.logging import get_logger

_SECONDS = 5.0
_log = get_logger(__name__)


class Closing:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self, session: MailboxSession) -> None:
        task = asyncio.create_task(_close(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Until every goodbye is said or given up."""
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _close(session: MailboxSession) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            await session.close()
    except Exception as error:  # noqa: BLE001 - it is over either way; a client that fails here is worth a line
        _log.info("a mailbox was closed without a goodbye", at=words.origin(error))
