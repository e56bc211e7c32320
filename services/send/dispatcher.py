"""Sees that every mailbox with due messages is worked on by somebody: wakes, scans, starts workers, drains them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from services.runtime.leases import Leases
from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES
from services.send.mailbox_worker import MailboxWorker
from services.send.ports import Mailboxes
from services.send.tools import Tools
from services.send.wakes import Wakes

_log = get_logger(__name__)


class Dispatcher:
    """One per process; several processes share the mailboxes by lease."""

    def __init__(self, leases: Leases, mailboxes: Mailboxes, tools: Tools) -> None:
        self._leases = leases
        self._mailboxes = mailboxes
        self._tools = tools
        self._workers: dict[str, MailboxWorker | None] = {}
        """None while its lease is being asked for."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakes = Wakes(mailboxes.wake)
        self._scan_now = asyncio.Event()
        self._missed: set[str] = set()
        self._stopping = False

    async def wake(self, account: str, due: datetime) -> None:
        """There is a message for `due`. Returns once no crash can make that forgotten.

        A mailbox that this process works on is marked as overdue until its worker rests, so nothing is written."""
        worker = self._workers.get(account)
        if worker is not None and not worker.resting:
            worker.stir()
            return
        await self._wakes.put(account, due)
        if due <= datetime.now(UTC):
            self._missed.add(account)
            self._start(account)

    async def run(self) -> None:
        """For ever: the safety poll, and the timer of what becomes due before the next one."""
        while True:
            self._scan_now.clear()
            try:
                pause = await self._scan()
            except OUTAGES as outage:
                _log.warning("due mailboxes not looked for", error=str(outage))
                pause = self._tools.settings.poll_seconds
            try:
                async with asyncio.timeout(pause):
                    await self._scan_now.wait()
            except TimeoutError:
                continue

    async def _scan(self) -> float:
        """Seconds until the next one."""
        pause = self._tools.settings.poll_seconds
        until = datetime.now(UTC) + timedelta(seconds=pause)
        room = self._tools.settings.mailboxes_at_once - len(self._workers)
        found = await self._mailboxes.to_look_at(until, min(room, 500)) if room > 0 else []
        now = datetime.now(UTC)
        for account, due in found:
            if due <= now:
                self._start(account)
            else:
                pause = min(pause, (due - now).total_seconds())
        return pause

    async def drain(self) -> None:
        """Begin nothing more and finish what is under way."""
        self._stopping = True
        for worker in self._workers.values():
            if worker is not None:
                worker.stop()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def abandon(self) -> None:
        """Patience has ended: what is left is found by the next dispatcher, in the state it is in."""
        for task in self._tasks:
            task.cancel()

    def _start(self, account: str) -> None:
        if self._stopping or account in self._workers or len(self._workers) >= self._tools.settings.mailboxes_at_once:
            return
        self._workers[account] = None
        self._missed.discard(account)
        task = asyncio.create_task(self._work(account), name="mailbox")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, account: str) -> None:
        try:
            lease = await self._leases.acquire(account)
            if lease is None:
                return
            async with self._leases.keep(lease):
                mailbox = await self._mailboxes.find(account)
                if mailbox is None or self._stopping:
                    return
                worker = self._workers[account] = MailboxWorker(lease, mailbox, self._tools)
                await worker.run()
            if lease.lost.is_set():
                # Its new holder may have rested it already, not knowing of what this worker was stirred for.
                await self._wakes.put(account, datetime.now(UTC))
        except OUTAGES as outage:
            _log.warning("mailbox left until the database is back", account_id=account, error=str(outage))
        except Exception:  # noqa: BLE001 - logged; one mailbox must not end the others
            _log.exception("mailbox left to the next look", account_id=account)
        finally:
            del self._workers[account]
            if account in self._missed:
                self._missed.discard(account)
                self._scan_now.set()
