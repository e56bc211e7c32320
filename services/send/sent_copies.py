"""Files sent messages into their mailbox's Sent folder: a durable job of its own that never changes a send's state."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from services.providers.errors import ProviderError, Transient
from services.runtime.failpoints import hit
from services.runtime.logging import get_logger
from services.send.domain.copy import STOPPED, CopyPlan, filed, waiting
from services.send.domain.message import Message
from services.send.domain.outcome import Pause
from services.send.hand_over import outgoing_of
from services.send.ports import CopyJobs, Messages
from services.send.routes import Routes

_PAGE = 200
_OF_A_HOLD = 0.8
"""What was seen in the folder is too old to append by once another process may look: whoever was asleep, or waits for a
slow server, sends nothing from then on, and what it sent last has arrived before the other looks."""
_log = get_logger(__name__)


class SentCopies:
    """One at a time per mailbox, a bounded number of mailboxes at once. `start` is the short way right after a send;
    `sweep` finds what a crash or a failure left."""

    def __init__(
        self,
        jobs: CopyJobs,
        messages: Messages,
        routes: Routes,
        plan: CopyPlan,
        hold: timedelta,
        at_once: int,
    ) -> None:
        self._jobs = jobs
        self._messages = messages
        self._routes = routes
        self._plan = plan
        self._hold = hold
        self._slots = asyncio.Semaphore(at_once)
        self._queues: dict[str, deque[tuple[str, datetime | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self, account: str, message: str, held_until: datetime | None) -> None:
        """`held_until`: this process sent it and has the copy to itself till then; None: it was swept."""
        if self._stopping:
            return  # the job is in the database: another process, or this one later, sweeps it
        queue = self._queues.get(account)
        if queue is not None:
            queue.append((message, held_until))
            return
        self._queues[account] = deque([(message, held_until)])
        task = asyncio.create_task(self._work(account), name="sent copies")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def sweep(self) -> None:
        for message, account in await self._jobs.due(_now(), _PAGE, tuple(self._queues)):
            self.start(account, message, None)

    async def drain(self) -> None:
        """Finish what is under way; what waits stays in the database."""
        self._stopping = True
        for queue in self._queues.values():
            queue.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self, account: str) -> None:
        queue = self._queues[account]
        try:
            async with self._slots:
                while queue:
                    try:
                        await self._file(*queue.popleft())
                    except Exception:  # noqa: BLE001 - logged; one copy must not end the others
                        # Left in the database: it comes again once its hold is over.
                        _log.exception("sent copy left to the sweeper", account_id=account)
        finally:
            del self._queues[account]

    async def _file(self, message_id: str, held_until: datetime | None) -> None:
        hit("send.before_copy")
        now, attempts, until = _now(), 1, held_until
        if until is None or until - now < self._hold / 2:
            claimed = await self._jobs.claim(message_id, now, self._hold, held_until)
            if claimed is None:
                return
            attempts, until = claimed, now + self._hold
        message = await self._messages.read(message_id)
        if message is None:
            return
        try:
            seconds = (until - _now()).total_seconds() * _OF_A_HOLD
            async with asyncio.timeout(seconds):
                result = await self._tried(message, attempts, time.monotonic() + seconds)
        except TimeoutError:
            # Nothing is written: the job is another's soon, and comes again by itself.
            _log.warning("sent copy not filed in its time", request_id=message.request_id)
        else:
            if result["state"] == STOPPED:
                _log.warning("sent copy given up", request_id=message.request_id, reason=result["reason"])
            await self._jobs.settle(message_id, until, result)

    async def _tried(self, message: Message, attempts: int, until: float) -> dict[str, Any]:
        """What the job is from now on."""
        try:
            route = await self._routes.of(message.account)
            if isinstance(route, Pause):
                sent_about = message.trying_since or message.created_at
                return waiting(route.failure, route.until, sent_about, attempts, _now())
            outgoing = await outgoing_of(message, self._messages)
            copy = await route.sender.file_sent_copy(outgoing, route.credentials, until)
        except LookupError as missing:
            return self._plan.after(Transient("content_unavailable", words=str(missing)), attempts, _now())
        except ProviderError as error:
            return self._plan.after(error, attempts, _now())
        hit("send.after_copy")
        return filed(copy, attempts)


def _now() -> datetime:
    return datetime.now(UTC)
