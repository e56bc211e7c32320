"""Reads one mailbox for as long as this replica holds it: open, look at every folder, wait to be told, look again.

One task per mailbox, its own failures and its own backoff: whatever happens here, no other mailbox notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from replywire_contracts.v1.values import Failure

from services.inbox_sync.domain import places, words
from services.inbox_sync.domain.folders import names, watched
from services.inbox_sync.domain.mailboxes import Account, Fence, Mailbox, SyncProgress
from services.inbox_sync.domain.places import Place
from services.inbox_sync.domain.stalls import Trouble
from services.inbox_sync.domain.windows import host_of, safety_poll
from services.inbox_sync.engine.explaining import explained
from services.inbox_sync.engine.looking import FolderUnreadable, Look
from services.inbox_sync.engine.reporting import Reporting
from services.inbox_sync.engine.tools import Tools
from services.inbox_sync.ports import AccountRefused, JudgeUnavailable, LeaseLost, Step
from services.providers.errors import ProviderError, ReauthRequired, Scope, Transient
from services.providers.protocols import MailboxSession
from services.providers.types import Folder
from services.runtime.logging import get_logger
from services.runtime.mongo import PyMongoError
from services.runtime.outcomes import Outage

_SUSPICIOUS = 2
"""So many starts that finished no page, or failures in a row with the mailbox open: then messages go one by one."""

_log = get_logger(__name__)


def _moved(place: Place) -> Callable[[int], Step]:
    return lambda _: Step(place)


class Ending(Enum):
    """Why a reader stopped by itself."""

    LOST = auto()
    """Another replica has the account."""
    REFUSED = auto()
    """Nothing to read until auth says that the account is connected (again)."""


class Reader:
    __slots__ = (
        "_account",
        "_failures",
        "_failures_open",
        "_fence",
        "_host",
        "_opened_at",
        "_places",
        "_refused",
        "_report",
        "_revision",
        "_tools",
    )

    def __init__(self, tools: Tools, fence: Fence) -> None:
        self._tools = tools
        self._fence = fence
        self._account: Account | None = None
        self._report: Reporting | None = None
        self._places: dict[str, Place] = {}
        self._failures = 0
        self._failures_open = 0
        self._refused: int | None = None
        self._revision = 0
        self._host = ""
        self._opened_at: float | None = None

    async def run(self) -> Ending:
        """Until cancelled, or until there is nothing to read."""
        while True:
            self._opened_at = None
            try:
                return await self._read()
            except LeaseLost:
                return Ending.LOST
            except Exception as error:  # noqa: BLE001 - one mailbox's trouble stays its own
                delay = await self._failed(error)
            await asyncio.sleep(delay)

    async def _read(self) -> Ending:
        if self._account is None:
            mailbox = await self._tools.mailboxes.claim(self._fence, self._tools.me)
            if mailbox is None:
                return Ending.REFUSED
            await self._take_over(mailbox)
        while True:
            try:
                await self._watch()
            except AccountRefused as refused:
                return await self._stopped(words.of_account(refused.code), self._revision)
            except ReauthRequired as refused:
                if self._refused == self._revision:
                    await self._tools.auth.rejected(self._fence.account_id, self._revision, refused)
                    return await self._stopped(words.of_opening(refused), self._revision)
                self._refused = self._revision  # once more, with credentials fresh from auth

    async def _take_over(self, mailbox: Mailbox) -> None:
        """What the last holder left: every folder's place, and what it was about to do."""
        tools, fence = self._tools, self._fence
        found = dict(await tools.ledger.claim(fence))
        progress = mailbox.progress or SyncProgress(
            cause=f"first:{mailbox.connected_at.isoformat()}", since=mailbox.connected_at - tools.rules.look_back
        )
        if (resync := mailbox.resync) is not None:
            for folder_id, place in found.items():
                found[folder_id] = again = places.asked_again(place, resync.since, resync.key)
                await tools.ledger.commit(fence, (), _moved(again))
            progress = SyncProgress(cause=f"resync:{resync.key}", since=resync.since)
            await tools.mailboxes.begin_resync(fence, resync.key, progress)
        self._places = found
        self._report = Reporting(tools, fence, mailbox, progress)
        self._revision = mailbox.account.revision
        if mailbox.unclean_starts > _SUSPICIOUS:
            self._failures_open = _SUSPICIOUS
        self._account = replace(mailbox.account, at=mailbox.connected_at)

    async def _watch(self) -> None:
        """One session, until it fails."""
        assert self._report is not None
        await self._report.connecting()
        session, wanted = await self._open()
        try:
            while True:
                await self._watch_folders(session, wanted)
        finally:
            self._tools.closing.close(session)

    async def _watch_folders(self, session: MailboxSession, wanted: Sequence[str]) -> None:
        """Those that are there now, until it is time to list them anew: a session lasts for weeks, and meanwhile
        folders are made, renamed, deleted and made again."""
        clock, rules = asyncio.get_running_loop().time, self._tools.rules
        async with asyncio.timeout(rules.page_seconds):
            folders = watched(await session.folders(), wanted)
        list_at = clock() + rules.list_folders_every.total_seconds()
        while True:
            await self._look_at(session, folders)
            await session.wait(folders, safety_poll(rules.safety_poll, self._tools.draw))
            if clock() >= list_at:
                return

    async def _open(self) -> tuple[MailboxSession, Sequence[str]]:
        """A session, and the folders asked for besides the usual ones."""
        tools = self._tools
        credentials, self._revision = await tools.auth.lease(self._fence.account_id, self._refused)
        self._host = host_of(credentials.client, credentials.settings)
        sync = tools.syncs(credentials.client)
        wanted = (*names(credentials.settings.get("folders")), *tools.rules.extra_folders)
        async with tools.gates.passage(self._host), asyncio.timeout(tools.rules.open_seconds):
            # A client may list no more than it was asked for.
            session = await sync.open(replace(credentials, settings={**credentials.settings, "folders": wanted}))
        tools.auth.forget(self._fence.account_id)  # a secret is held while it is used, no longer
        self._opened_at = asyncio.get_running_loop().time()
        return session, wanted

    async def _look_at(self, session: MailboxSession, folders: list[Folder]) -> None:
        assert self._account is not None
        assert self._report is not None
        looked_at = self._tools.now()
        for folder in tuple(folders):
            look = Look(
                self._tools,
                self._account,
                self._fence,
                session,
                folder,
                await self._place(session, folder),
                self._report.page,
                careful=self._failures_open >= _SUSPICIOUS,
            )
            try:
                await look.to_the_end()
            except FolderUnreadable as unreadable:
                if folder == folders[0]:  # where answers come
                    raise
                folders.remove(folder)
                _log.warning("a folder cannot be read", **self._ids(), at=words.origin(unreadable))
            finally:
                self._places[folder.id] = look.place
        self._refused, self._failures_open = None, 0
        await self._report.up_to_date(looked_at)

    async def _place(self, session: MailboxSession, folder: Folder) -> Place:
        """Where to go on; written down before the first page of a new folder, so that a kill forgets no look-back."""
        known = self._places.get(folder.id)
        if known is not None:
            return known
        assert self._account is not None
        assert self._report is not None
        now = self._tools.now()
        began = self._account.at if self._report.first_sync_under_way else now
        place = places.unread(folder, began, now, self._tools.rules.look_back)
        if not self._tools.rules.look_back:
            place = Place(folder.id, folder.name, cursor=await session.start(folder), seen_at=now)
        await self._tools.ledger.commit(self._fence, (), _moved(place))
        self._places[folder.id] = place
        return place

    async def _failed(self, error: Exception) -> float:
        """Seconds to stay away."""
        was_open = self._opened_at is not None
        if was_open and asyncio.get_running_loop().time() - (self._opened_at or 0) > self._tools.rules.settled_after:
            self._failures = 0
        self._failures += 1
        if was_open and not await self._is_innocent(error):
            self._failures_open += 1
        asked = error.retry_after if isinstance(error, Transient) else None
        delay = self._tools.rules.backoff.delay(self._failures, self._tools.draw, asked)
        if isinstance(error, Transient) and error.scope is Scope.HOST and self._host:
            self._tools.gates.close_for(self._host, delay)
        if self._failures & (self._failures - 1) == 0:  # the 1st, 2nd, 4th, 8th, ... in a row
            _log.info(
                "reading a mailbox failed",
                **self._ids(),
                reason=error.reason if isinstance(error, ProviderError) else type(error).__name__,
                failures=self._failures,
                again_in=round(delay, 1),
                at=words.origin(error),
            )
        try:
            if self._report is not None:
                await self._report.failed(explained(error, was_open), self._failures)
        except LeaseLost:
            pass  # the next write meets it again, and ends this reader
        except Exception as second:  # noqa: BLE001 - the database is away too: told when it is back
            _log.warning("trouble with a mailbox could not be written down", **self._ids(), at=words.origin(second))
        return delay

    async def _is_innocent(self, error: Exception) -> bool:
        """Can no message have brought this about? Then none needs to be looked at alone."""
        if isinstance(error, JudgeUnavailable):
            return not await self._tools.judge.answers(self._fence.account_id)
        return isinstance(error, PyMongoError | Outage)

    async def _stopped(self, failure: Failure, revision: int) -> Ending:
        await self._tools.mailboxes.reject(self._fence, revision, Trouble(since=self._tools.now(), failure=failure))
        return Ending.REFUSED

    def _ids(self) -> dict[str, Any]:
        return {"account_id": self._fence.account_id}
