"""How a mailbox gets on, asked of `inbox_sync` and `send`, and a call whenever that may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from replywire_contracts.event import Model
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.mailbox import MailboxGapRepaired, MailboxStalled, MailboxSynced
from replywire_contracts.v1.rpc import MailboxState, MailboxStatus
from replywire_contracts.v1.send import SendDeferred
from replywire_contracts.v1.sending import SendingState, SendingStatus

from services.runtime.overhearing import Connection, overhear
from services.runtime.rpc import RpcClient, RpcRefused

WATCHED = (
    MailboxSynced, MailboxStalled, MailboxGapRepaired, AccountConnected, AccountNeedsReauth, AccountDisconnected,
    SendDeferred,
)  # fmt: skip


_SECONDS = 1.5
"""A person waits for the page that shows it."""


class _About(Model):
    """Of any of these events: whose mailbox it tells of."""

    account_id: str


class RpcMailboxReading:
    def __init__(self, rpc: Callable[[], RpcClient]) -> None:
        self._rpc = rpc

    async def of(self, team_id: str, account_id: str) -> MailboxState | None:
        try:
            asked = MailboxStatus(team_id=team_id, account_id=account_id)
            state: MailboxState = await self._rpc().call(asked, timeout=_SECONDS)
        except RpcRefused as refused:
            if refused.code != "unknown_account":
                raise
            return None
        return state


class RpcMailboxSending:
    def __init__(self, rpc: Callable[[], RpcClient]) -> None:
        self._rpc = rpc

    async def of(self, team_id: str, account_id: str) -> SendingState | None:
        try:
            asked = SendingStatus(team_id=team_id, account_id=account_id)
            state: SendingState = await self._rpc().call(asked, timeout=_SECONDS)
        except RpcRefused as refused:
            if refused.code != "unknown_account":
                raise
            return None
        return state


class Watching:
    """Wakes whoever watches an account, on every replica: it hears the events as they pass, and keeps no place."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self.ended = False

    async def listen(self, connection: Connection) -> None:
        await overhear(connection, WATCHED, self._heard)

    async def end(self) -> None:
        """This process stops: whoever watches goes and comes back to another."""
        self.ended = True
        for calls in self._watchers.values():
            for call in calls:
                call.set()

    @asynccontextmanager
    async def watched(self, account_id: str) -> AsyncIterator[asyncio.Event]:
        """Set whenever something of this account may have changed; the watcher clears it."""
        call = asyncio.Event()
        self._watchers.setdefault(account_id, set()).add(call)
        try:
            yield call
        finally:
            others = self._watchers[account_id]
            others.discard(call)
            if not others:
                del self._watchers[account_id]

    def _heard(self, event: bytes) -> None:
        if self._watchers:
            about = _About.decode(event)
            for call in self._watchers.get(about.account_id, ()):
                call.set()
