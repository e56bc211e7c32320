"""Which mailboxes this replica reads: its share by placement, taken and kept by lease, let go of at once when it stops.

Three clocks: the beat (heartbeat and one renewal of all leases), the look at what should be read, and the server's own
lease time, which alone decides who may write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from services.inbox_sync.domain import words
from services.inbox_sync.domain.mailboxes import Assignment, Fence
from services.inbox_sync.domain.placement import share
from services.inbox_sync.engine.reader import Ending
from services.inbox_sync.ports import Mailboxes, Replicas
from services.runtime.leases import Lease
from services.runtime.logging import get_logger

_ACQUIRED_AT_ONCE = 32
_FULL_LOOK_EVERY = timedelta(minutes=1)
_RESTART_PAUSE = 5.0
_INSIST_EVERY = 0.5
_log = get_logger(__name__)


class AccountLeases(Protocol):
    """As `runtime.leases.Leases`."""

    @property
    def ttl(self) -> timedelta: ...

    async def acquire(self, key: str) -> Lease | None: ...

    async def renew_all(self, leases: Iterable[Lease]) -> Collection[str]: ...

    async def release(self, lease: Lease) -> None: ...


@dataclass(slots=True, eq=False)
class _Holding:
    assignment: Assignment
    lease: Lease
    task: asyncio.Task[None] = field(init=False)
    lost: bool = False
    leaving: bool = False
    """It was told to stop."""
    stopped: bool = False
    """It reads no more, and is cleaning up."""


class Holder:
    def __init__(
        self,
        mailboxes: Mailboxes,
        leases: AccountLeases,
        replicas: Replicas,
        read: Callable[[Fence], Awaitable[Ending]],
        reads: Callable[[str], bool],
        me: str,
        *,
        renew_every: timedelta,
        look_every: timedelta,
    ) -> None:
        """`read` reads one mailbox until it ends or is cancelled; `reads` says whether a client has an inbox."""
        self._mailboxes = mailboxes
        self._leases = leases
        self._replicas = replicas
        self._read = read
        self._reads = reads
        self._me = me
        self._renew_every = renew_every.total_seconds()
        self._look_every = look_every.total_seconds()
        self._wanted: dict[str, Assignment] = {}
        self._mark: datetime | None = None
        self._looked_at_all: float | None = None
        self._held: dict[str, _Holding] = {}
        self._paused: dict[str, tuple[Assignment, float]] = {}
        self._good_until = 0.0
        self._nudged = asyncio.Event()
        self._acquiring = asyncio.Semaphore(_ACQUIRED_AT_ONCE)

    @property
    def held(self) -> Collection[str]:
        return tuple(self._held)

    def nudge(self) -> None:
        """Something changed: look now."""
        self._nudged.set()

    async def run(self) -> None:
        """Until cancelled; then every lease is released at once."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_beating())
                tasks.create_task(self._keep_looking())
        finally:
            await self.let_go()

    async def _keep_beating(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(max(self._good_until - loop.time(), self._renew_every)):
                    await self._beat()
            except Exception as error:  # noqa: BLE001 - the database is away: hold on for as long as the leases last
                _log.warning("leases could not be renewed", held=len(self._held), at=words.origin(error))
            if loop.time() >= self._good_until:
                self._lose(list(self._held))
            await asyncio.sleep(self._renew_every)

    async def _beat(self) -> None:
        began = asyncio.get_running_loop().time()
        await self._replicas.beat()
        lost = await self._leases.renew_all([h.lease for h in self._held.values() if not h.leaving])
        self._good_until = began + self._leases.ttl.total_seconds() * 0.9
        self._lose(lost)

    def _lose(self, keys: Iterable[str]) -> None:
        for key in keys:
            holding = self._held.get(key)
            if holding is not None and not holding.leaving:
                _log.warning("a lease was lost", account_id=key)
                holding.lost = True
                self._stop(holding)

    async def _keep_looking(self) -> None:
        while True:
            self._nudged.clear()
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the database is away: look again in a moment
                _log.warning("the mailboxes to read could not be listed", at=words.origin(error))
            try:
                async with asyncio.timeout(self._look_every):
                    await self._nudged.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        await self._learn()
        living = {self._me, *await self._replicas.living()}
        mine = share(self._wanted, living, self._me)
        for account_id, holding in list(self._held.items()):
            if holding.leaving or account_id not in mine or self._wanted[account_id] != holding.assignment:
                self._stop(holding)
        free = [a for a in mine if a not in self._held and not self._is_paused(a)]
        await asyncio.gather(*(self._take(self._wanted[account_id]) for account_id in free))

    def _is_paused(self, account_id: str) -> bool:
        """It ended by itself a moment ago, and nothing about it has changed since."""
        assignment, until = self._paused.get(account_id, (None, 0.0))
        if assignment == self._wanted[account_id] and until > asyncio.get_running_loop().time():
            return True
        self._paused.pop(account_id, None)
        return False

    async def _learn(self) -> None:
        now = asyncio.get_running_loop().time()
        everything = self._looked_at_all is None or now - self._looked_at_all > _FULL_LOOK_EVERY.total_seconds()
        found, self._mark = await self._mailboxes.assignments(None if everything else self._mark)
        if everything:
            self._looked_at_all = now
            self._wanted.clear()
        for account_id, assignment in found.items():
            if assignment is not None and self._reads(assignment.client):
                self._wanted[account_id] = assignment
            else:
                self._wanted.pop(account_id, None)

    async def _take(self, assignment: Assignment) -> None:
        async with self._acquiring:
            lease = await self._leases.acquire(assignment.account_id)
        if lease is None:
            return
        holding = _Holding(assignment, lease)
        self._held[assignment.account_id] = holding
        holding.task = asyncio.create_task(self._hold(holding), name=f"mailbox {assignment.account_id}")
        await asyncio.sleep(0)  # a task that is cancelled before its first step never cleans up: let it begin

    async def _hold(self, holding: _Holding) -> None:
        account_id = holding.assignment.account_id
        fence = Fence(account_id, holding.lease.token)
        try:
            holding.lost = await self._read(fence) is Ending.LOST
            self._pause(holding)
        except Exception as error:  # noqa: BLE001 - a reader has no exceptions of its own: this is a fault, and its own
            _log.error("a reader failed", account_id=account_id, at=words.origin(error))
            self._pause(holding)
        finally:
            holding.leaving = holding.stopped = True
            try:
                if not holding.lost:
                    await self._leases.release(holding.lease)
                    await self._mailboxes.let_go(fence)
            except Exception as error:  # noqa: BLE001 - it runs out by itself
                _log.warning("a lease was left to run out", account_id=account_id, at=words.origin(error))
            finally:
                self._held.pop(account_id, None)
                self.nudge()

    def _pause(self, holding: _Holding) -> None:
        until = asyncio.get_running_loop().time() + _RESTART_PAUSE
        self._paused[holding.assignment.account_id] = (holding.assignment, until)

    def _stop(self, holding: _Holding) -> None:
        """May be called again: `asyncio.wait_for` of Python 3.11, which the bus's client uses, can swallow a cancel."""
        holding.leaving = True
        if not holding.stopped:
            holding.task.cancel()

    async def let_go(self) -> None:
        """Release everything, at once."""
        while holdings := list(self._held.values()):
            for holding in holdings:
                self._stop(holding)
            await asyncio.wait([holding.task for holding in holdings], timeout=_INSIST_EVERY)
        await self._replicas.leave()
