"""Keeps the engine's accounts in step with auth: what a connected account holds stays, everything else is destroyed.

auth alone decides. It is asked for what an account holds, by a lease as for any other secret; so no order of events, no
crash between two services and no event that was missed can keep credentials that nobody holds, or lose some that are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from services.inbox_sync.domain import words
from services.inbox_sync.domain.engine_accounts import TOKEN_SECRET, hash_of
from services.inbox_sync.domain.mailboxes import CONNECTED, DISCONNECTED, Account
from services.inbox_sync.engine_ports import EngineAccounts, Holders
from services.inbox_sync.ports import AccountRefused, AuthUnavailable, Clock
from services.runtime.envelopes import BoxUnopenable, rewrap
from services.runtime.key_ring import KeyRing, KeyUnknown
from services.runtime.logging import get_logger

_PAGE = 200
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EngineKeeping:
    accounts: EngineAccounts
    holders: Holders
    holds: Callable[[str], bool]
    """Whether an e-mail client's credentials are the engine's alone."""
    ring: KeyRing
    now: Clock

    async def take_in(self, account: Account) -> None:
        """auth's word about an account, of whatever client: it may have been the engine's before."""
        if account.connection == CONNECTED and self.holds(account.client):
            try:
                await self._claim(account.account_id)
            except (AuthUnavailable, AccountRefused) as away:
                # The next word about it says what is to be done, or its time being over does.
                _log.info("an engine account is claimed later", account_id=account.account_id, at=words.origin(away))
        elif account.connection in (CONNECTED, DISCONNECTED):
            await self.accounts.destroy_claimed(account.account_id, account.revision)

    async def see_to_overdue(self) -> None:
        """What nobody has claimed in time. Raises `AuthUnavailable`."""
        for account in await self.accounts.overdue(self.now(), _PAGE):
            try:
                held = await self._claim(account.account_id)
            except AccountRefused:
                held = ""
            if held != account.token_hash:
                await self.accounts.destroy(account.team_id, account.account_id, account.token_hash)

    async def compare(self) -> None:
        """What is held with what auth says of it: events may have been missed. Raises `AuthUnavailable`."""
        after = ""
        while page := await self.accounts.claimed_page(after, _PAGE):
            known = {each.account_id: each for each in await self.holders.of([a.account_id for a in page])}
            for account in page:
                told = known.get(account.account_id)
                if told is None:
                    await self.accounts.destroy(account.team_id, account.account_id, account.token_hash)
                elif told.connection == DISCONNECTED or not self.holds(told.client):
                    await self.accounts.destroy_claimed(account.account_id, told.revision)
                elif told.connection == CONNECTED and (account.claimed or 0) < told.revision:
                    await self.take_in(told)  # it was reconnected since
            after = page[-1].token_hash

    async def rewrap(self) -> int:
        """Everything under the ring's current key: then an older one may go. How many were not."""
        done = 0
        while page := await self.accounts.under_other_keys(self.ring.current, _PAGE):
            before = done
            for account in page:
                try:
                    box = rewrap(self.ring, account.owner, account.box)
                except (KeyUnknown, BoxUnopenable) as closed:
                    _log.error("an engine account cannot be opened", account_id=account.account_id, why=str(closed))
                    continue
                done += await self.accounts.rewrap(account, box)
            if done == before:
                break
        return done

    async def run(self, every: timedelta, compare_every: timedelta) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        next_comparison = loop.time()
        while True:
            try:
                if loop.time() >= next_comparison:
                    await self.rewrap()
                    await self.compare()
                    next_comparison = loop.time() + compare_every.total_seconds()
                await self.see_to_overdue()
            except AuthUnavailable as away:
                _log.info("auth did not say which engine accounts are held", at=words.origin(away))
            await asyncio.sleep(every.total_seconds())

    async def _claim(self, account_id: str) -> str:
        """The hash of the token that the account holds, which stays; what it held before goes. Raises `AccountRefused`,
        `AuthUnavailable`."""
        self.holders.forget(account_id)  # what was leased before may be older
        credentials, revision = await self.holders.lease(account_id)
        self.holders.forget(account_id)
        token = credentials.secret.get(TOKEN_SECRET)
        held = "" if token is None else hash_of(token)
        if held and await self.accounts.claim(held, account_id, revision):
            await self.accounts.destroy_claimed(account_id, revision)
        return held
