"""inbox_sync's face of the in-memory client: cursors of UIDVALIDITY and UID, as IMAP has them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from email.parser import BytesParser
from email.policy import compat32

from services.providers.errors import CursorVoid, Transient
from services.providers.memory.login import log_in
from services.providers.memory.world import Mail, MemoryAccount, MemoryFolder, Step, World
from services.providers.types import (
    JUDGED_FIELDS,
    Credentials,
    Cursor,
    Folder,
    FolderRole,
    HeaderSet,
    MessageRef,
    Page,
)

PAGE = 100
_FIELD = re.compile(rb"^([!-9;-~]+):.*(?:\r?\n[ \t].*)*\r?\n?", re.MULTILINE)
_JUDGED = frozenset(name.lower().encode() for name in JUDGED_FIELDS)


class MemorySync:
    def __init__(self, world: World) -> None:
        self._world = world

    async def open(self, credentials: Credentials) -> MemorySession:
        await self._world.reach(Step.OPEN)
        return MemorySession(self._world, log_in(self._world, credentials.address, credentials.secret))


class MemorySession:
    def __init__(self, world: World, account: MemoryAccount) -> None:
        self._world = world
        self._account = account
        self._arrived = asyncio.Event()
        account.sessions.append(self._arrived)

    async def folders(self) -> Sequence[Folder]:
        roles = (FolderRole.INBOX, FolderRole.JUNK)
        return tuple(
            Folder(id_, folder.name, folder.role)
            for id_, folder in self._account.folders.items()
            if folder.role in roles
        )

    async def start(self, folder: Folder) -> Cursor:
        found = self._folder(folder.id)
        return f"{found.uidvalidity}:{found.next_uid - 1}"

    async def changes(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Page]:
        await self._reach(Step.CHANGES)
        found = self._folder(folder.id)
        uidvalidity, last = map(int, cursor.split(":"))
        if uidvalidity != found.uidvalidity or last >= found.next_uid:
            raise CursorVoid("the folder was numbered anew")
        news = [mail for mail in found.mails if mail.uid > last]
        async for page in self._pages(folder.id, found, news, last):
            yield page

    async def rescan(self, folder: Folder, since: datetime) -> AsyncIterator[Page]:
        await self._reach(Step.CHANGES)
        found = self._folder(folder.id)
        recent = [mail for mail in found.mails if mail.received_at >= since]
        async for page in self._pages(folder.id, found, recent, found.next_uid - 1):
            yield page

    async def fetch(self, ref: MessageRef, limit: int) -> bytes | None:
        await self._reach(Step.FETCH)
        mail = self._mail(ref)
        return None if mail is None else mail.raw[:limit]

    async def fetch_report(self, ref: MessageRef, limit: int) -> bytes | None:
        await self._reach(Step.FETCH)
        mail = self._mail(ref)
        if mail is None or BytesParser(policy=compat32).parsebytes(mail.raw).get_content_type() != "multipart/report":
            return None
        return mail.raw[:limit]

    async def wait(self, folders: Sequence[Folder], timeout: float) -> bool:
        await self._reach(Step.WAIT)
        try:
            async with asyncio.timeout(timeout):
                await self._arrived.wait()
        except TimeoutError:
            return False
        self._arrived.clear()
        return True

    async def close(self) -> None:
        if self._arrived in self._account.sessions:
            self._account.sessions.remove(self._arrived)

    async def _pages(
        self, folder_id: str, found: MemoryFolder, mails: Sequence[Mail], last: int
    ) -> AsyncIterator[Page]:
        uidvalidity = found.uidvalidity
        for start in range(0, max(len(mails), 1), PAGE):
            page = mails[start : start + PAGE]
            remaining = len(mails) - start - len(page)
            upto = page[-1].uid if page and remaining else max(last, *(mail.uid for mail in mails), 0)
            headers = tuple(_header_set(folder_id, uidvalidity, mail) for mail in page)
            yield Page(headers, f"{uidvalidity}:{upto}", more=remaining > 0, remaining=remaining)

    async def _reach(self, step: Step) -> None:
        try:
            await self._world.reach(step)
        except Transient:
            await self.close()
            raise

    def _folder(self, folder_id: str) -> MemoryFolder:
        try:
            return self._account.folders[folder_id]
        except KeyError:
            raise CursorVoid("the folder is gone") from None

    def _mail(self, ref: MessageRef) -> Mail | None:
        found = self._account.folders.get(ref.folder_id)
        uidvalidity, uid = map(int, ref.key.split(":"))
        if found is None or found.uidvalidity != uidvalidity:
            return None
        return next((mail for mail in found.mails if mail.uid == uid), None)


def _header_set(folder_id: str, uidvalidity: int, mail: Mail) -> HeaderSet:
    head = re.split(rb"\r?\n\r?\n", mail.raw, maxsplit=1)[0] + b"\r\n"
    block = b"".join(found[0] for found in _FIELD.finditer(head) if found[1].lower() in _JUDGED)
    return HeaderSet(MessageRef(folder_id, f"{uidvalidity}:{mail.uid}"), block[: 64 * 1024], mail.received_at)
