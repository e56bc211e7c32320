"""The customer's code takes messages, under a lease; waits for some without asking again and again; keeps its lease."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.runtime.failpoints import hit
from services.runtime.logging import get_logger
from services.runtime.mongo import OUTAGES
from services.send.bells import Bells
from services.send.domain.failures import failure
from services.send.domain.mailbox import DISCONNECTED
from services.send.domain.message import Message
from services.send.domain.offer_moves import Terms, shown_to_nobody, withdrawn
from services.send.domain.rulings import Release, ruling
from services.send.ports import Accounts, Messages, Offers

_SAFETY = timedelta(seconds=5)
_TRIES = 5
_SHARES, _LEAST_SHARE = 10, 20
"""Of the room to wait, a team's part and the least that one has."""
_AWAY_SECONDS = 1.0
_PAGE = 500
_log = get_logger(__name__)


class TooManyWait(Exception):
    """More wait here than this process has room for."""


class TooManyOfOneTeam(TooManyWait):
    """More of this team wait than its share of the room: the rest is for other teams."""


@dataclass(frozen=True, slots=True)
class Wanted:
    most: int
    wait: timedelta
    term: timedelta
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """`until`: when the lease ends, by this process's clock."""

    lease: str
    until: datetime
    messages: tuple[Message, ...]


class Taking:
    def __init__(
        self, offers: Offers, messages: Messages, accounts: Accounts, bells: Bells, terms: Terms, waiting_at_once: int
    ) -> None:
        self._offers = offers
        self._messages = messages
        self._accounts = accounts
        self._bells = bells
        self._terms = terms
        self._room = waiting_at_once
        self._share = max(_LEAST_SHARE, waiting_at_once // _SHARES)
        self._waiting: Counter[str] = Counter()
        self._returning: set[asyncio.Task[None]] = set()
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Two of a team that look at once see the same messages: here they look one after the other."""
        self._stopping = False

    async def take(self, team: str, by: str, wanted: Wanted, gone: asyncio.Event) -> Taken:
        """None of them where none came in time. `gone` is set once whoever asks is not there any more: then nothing is
        given out. Raises `TooManyWait`, and what the database raises."""
        deadline = datetime.now(UTC) + wanted.wait
        while True:
            bell = self._bells.of(team)
            taken = await self._look(team, by, wanted)
            now = datetime.now(UTC)
            if gone.is_set():
                self.put_back(team, taken.lease)
                return Taken(taken.lease, now, ())
            if taken.messages or now >= deadline or self._stopping:
                return taken
            next_at = await self._offers.next_at(team, now)
            await self._wait(team, bell, gone, min(deadline, now + _SAFETY, next_at or deadline))

    def stop(self) -> None:
        """The process ends: who waits is answered."""
        self._stopping = True
        self._bells.ring_all()

    async def extend(self, team: str, ids: Sequence[str], lease: str, term: timedelta) -> frozenset[str]:
        """Those of the team's messages that this lease still has, now until `term` from here."""
        return await self._offers.extend(ids, lease, term, f"extend:{secrets.token_urlsafe(9)}")

    async def withdraw(self, account: str) -> None:
        """Its account was disconnected: what nobody has taken ends here, and is not given out any more."""
        while waiting := await self._offers.waiting_of(account, _PAGE):
            now = datetime.now(UTC)
            moves = [move for message in waiting if (move := withdrawn(message, now)) is not None]
            await asyncio.gather(*(self._messages.apply(move) for move in moves))

    async def _look(self, team: str, by: str, wanted: Wanted) -> Taken:
        lease = secrets.token_urlsafe(18)
        async with self._turns[team]:
            for _ in range(_TRIES):
                until = datetime.now(UTC) + wanted.term
                try:
                    found = await self._offers.take(
                        team, wanted.account, wanted.most, lease, wanted.term, by, self._terms, datetime.now(UTC)
                    )
                    kept = await self._still_connected(found)
                except BaseException:
                    self.put_back(team, lease)
                    raise
                if kept:
                    hit("send.external_after_take")
                    return Taken(lease, until, tuple(kept))
                if not found:
                    break
        return Taken(lease, datetime.now(UTC) + wanted.term, ())

    async def _still_connected(self, found: Sequence[Message]) -> list[Message]:
        """An account may have gone while its messages waited."""
        kept = list(found)
        for account in {message.account for message in found if message.offer and not message.offer.test}:
            team = next(message.team for message in found if message.account == account)
            mailbox = await self._accounts.find(team, account)
            if mailbox is None or mailbox.account_state == DISCONNECTED:
                kept = [message for message in kept if message.account != account]
        now = datetime.now(UTC)
        await asyncio.gather(*(self._messages.apply(shown_to_nobody(each, now)) for each in found if each not in kept))
        return kept

    def put_back(self, team: str, lease: str) -> None:
        """Nobody saw them: without this they would wait for the end of a lease that nobody has. Behind the answer, for
        what failed may be away for longer than anybody should wait to hear so."""
        task = asyncio.create_task(self._put_back(team, lease), name="put back what nobody was given")
        self._returning.add(task)
        task.add_done_callback(self._returned)

    async def drain(self) -> None:
        while self._returning:
            await asyncio.wait(self._returning)

    async def _put_back(self, team: str, lease: str) -> None:
        while True:
            try:
                held = await self._offers.held(team, lease)
            except OUTAGES as outage:
                _log.warning("what nobody was given waits to be put back", team_id=team, error=str(outage))
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if not held:
                return
            now = datetime.now(UTC)
            seen_by_nobody = Release(lease, now, failure("given_back"))
            ruled = [ruling(message, seen_by_nobody, now, self._terms.patience) for message in held]
            await asyncio.gather(*(self._messages.apply(each.move) for each in ruled if each.move is not None))
            self._bells.ring(team)  # looked at again: somebody may have asked to cancel one meanwhile

    def _returned(self, task: asyncio.Task[None]) -> None:
        self._returning.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("what nobody was given is offered again only once its lease is over", exc_info=error)

    async def _wait(self, team: str, bell: asyncio.Event, gone: asyncio.Event, until: datetime) -> None:
        """Looked at again afterwards, whatever ended it."""
        if self._waiting[team] >= self._share:
            raise TooManyOfOneTeam
        if self._room <= 0:
            raise TooManyWait
        self._room -= 1
        self._waiting[team] += 1
        waits = [asyncio.create_task(event.wait()) for event in (bell, gone)]
        try:
            seconds = max(0.05, (until - datetime.now(UTC)).total_seconds())
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._room += 1
            self._waiting[team] -= 1
            if not self._waiting[team]:
                del self._waiting[team]
            for wait in waits:
                wait.cancel()
