"""Learns from auth which mailboxes there are, at start and from time to time: events may have been missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from services.inbox_sync.domain import words
from services.inbox_sync.domain.mailboxes import CONNECTED, DISCONNECTED, Account, account_of
from services.inbox_sync.ports import Auth, AuthUnavailable, Clock, Ledger, Mailboxes
from services.runtime.logging import get_logger

_TRY_AGAIN = 5.0
_log = get_logger(__name__)


class Accounts:
    """Takes in auth's word, whichever way it comes."""

    def __init__(
        self,
        mailboxes: Mailboxes,
        ledger: Ledger,
        auth: Auth,
        reads: Callable[[str], bool],
        nudge: Callable[[], None],
    ) -> None:
        """`reads` says whether a client has an inbox; `nudge` tells the holder that something changed."""
        self._mailboxes = mailboxes
        self._ledger = ledger
        self._auth = auth
        self._reads = reads
        self._nudge = nudge

    async def take_in(self, account: Account) -> None:
        if not self._reads(account.client) or not await self._mailboxes.record(account):
            return
        self._auth.forget(account.account_id)
        if account.connection == DISCONNECTED:
            await self._ledger.forget(account.account_id)
        self._nudge()

    async def heal(self, now: Clock) -> int:
        """How many mailboxes were not as auth says. Raises `AuthUnavailable`."""
        healed, after = 0, None
        while True:
            page = await self._auth.page(after)
            known = await self._mailboxes.revisions([view.account_id for view in page.accounts])
            for view in page.accounts:
                revision, refused = known.get(view.account_id, (0, 0))
                if revision < view.revision:
                    healed += 1
                    await self.take_in(account_of(view, now()))
                elif refused >= view.revision and view.state == CONNECTED:
                    # auth knows of the refusal and thinks otherwise: its word counts.
                    healed += await self._mailboxes.try_again(view.account_id, view.revision)
                    self._nudge()
            after = page.next
            if after is None:
                return healed

    async def keep_healing(self, every: timedelta, now: Clock) -> None:
        """For ever."""
        while True:
            pause = every.total_seconds()
            try:
                await self.heal(now)
            except AuthUnavailable as away:
                pause = min(pause, _TRY_AGAIN)
                _log.info("auth did not list the mailboxes", at=words.origin(away))
            await asyncio.sleep(pause)
