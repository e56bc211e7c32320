"""auth's accounts as known here: a projection fed by events, healed by asking, kept in memory for a moment."""

from __future__ import annotations

import time

from replywire_contracts.v1.rpc import AccountPage, AccountView, ListAccounts

from services.runtime.rpc import RpcClient
from services.send.adapters.mailboxes import Mailboxes
from services.send.domain.mailbox import DISCONNECTED, Mailbox

_FRESH_SECONDS = 5.0
_MOST_KEPT = 20_000


class Accounts:
    def __init__(self, mailboxes: Mailboxes, rpc: RpcClient) -> None:
        self._mailboxes = mailboxes
        self._rpc = rpc
        self._kept: dict[str, tuple[float, Mailbox]] = {}

    async def find(self, team: str, account: str) -> Mailbox | None:
        """None where no such account is connected to this team. Raises `Outage`."""
        kept = self._kept.get(account)
        if kept is not None and kept[0] > time.monotonic():
            found: Mailbox | None = kept[1]
        else:
            found = await self._look_up(account)
        return found if found is not None and found.team == team else None

    async def _look_up(self, account: str) -> Mailbox | None:
        found = await self._mailboxes.find(account)
        if found is None or found.account_state == DISCONNECTED:
            # Its event may still be on the way: only auth can say that there is none.
            page: AccountPage = await self._rpc.call(ListAccounts(account_ids=(account,)))
            for view in page.accounts:
                await self.learn(view)
            found = await self._mailboxes.find(account)
        if found is not None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[account] = (time.monotonic() + _FRESH_SECONDS, found)
        return found

    async def learn(self, view: AccountView) -> bool:
        """False where it is known already, or something newer is."""
        self._kept.pop(view.account_id, None)
        facts = {
            "team": view.team_id,
            "client": view.client,
            "address": view.address,
            "account_state": view.state,
        }
        return await self._mailboxes.learn(view.account_id, view.revision, facts)

    async def heal(self) -> list[str]:
        """Ask auth for all of them; the accounts of which something new was learnt. Raises `Outage`."""
        after: str | None = None
        changed: list[str] = []
        while True:
            page: AccountPage = await self._rpc.call(ListAccounts(after=after))
            changed += [view.account_id for view in page.accounts if await self.learn(view)]
            after = page.next
            if after is None:
                return changed
