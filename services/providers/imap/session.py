"""One open IMAP mailbox, as inbox_sync reads it: cursors of UIDVALIDITY and UID, pages of headers, IDLE to wake by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.providers.errors import CursorVoid, Permanent
from services.providers.imap import errors, headers, internaldate, mailbox, messages, place
from services.providers.imap.connection import ImapConnection
from services.providers.imap.framing import Response
from services.providers.imap.headers import Extension
from services.providers.imap.knowledge import Knowledge
from services.providers.imap.mailbox import Listed
from services.providers.imap.place import Place
from services.providers.imap.protocol import Exchange
from services.providers.imap.spans import Spans
from services.providers.imap.tokens import Unreadable
from services.providers.imap.turns import Turns
from services.providers.imap.waiting import Waiter
from services.providers.types import Cursor, Folder, FolderRole, HeaderSet, MessageRef, Page

PAGE = 500
"""Messages per page: large enough that a round trip is nothing beside it, small enough to be judged at one go."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """UIDs to fetch at one go, and up to where at least the folder is read then."""

    uid_set: str
    upto: int
    count: int


class ImapSession:
    """One mailbox over one connection. `wait` may run beside any other method: it gives way."""

    def __init__(
        self,
        connection: ImapConnection,
        choose: Callable[[Sequence[Listed]], Sequence[Folder]],
        extension: Extension | None = None,
    ) -> None:
        """`choose`: which of the mailbox's folders are read, and as what."""
        self._choose = choose
        self._extension = extension
        self._knowledge = Knowledge()
        self._turns = Turns(connection)
        self._waiter = Waiter(connection, self._turns, self._knowledge)

    async def folders(self) -> Sequence[Folder]:
        async with self._turns.command() as connection:
            listed = await mailbox.list_folders(connection)
        return self._choose(listed)

    async def start(self, folder: Folder) -> Cursor:
        async with self._turns.command() as connection:
            state = await self._knowledge.ask(connection, folder.id)
        self._knowledge.was_read(folder.id, state.uidnext)
        return str(Place(state.uidvalidity, state.uidnext - 1))

    async def changes(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Page]:
        after = place.read(cursor)
        release = self._turns.hold()
        try:
            async with self._turns.command() as connection:
                pieces = self._pushed(connection, folder.id, after) or await self._asked(connection, folder.id, after)
            async for page in self._pages(folder.id, after, pieces, release):
                yield page
        finally:
            release()

    async def rescan(self, folder: Folder, since: datetime) -> AsyncIterator[Page]:
        release = self._turns.hold()
        try:
            async with self._turns.command() as connection:
                connection.selected(None)  # what was learnt of the folder before is in doubt
                state = await self._knowledge.open(connection, folder.id)
                # SINCE compares days in the server's own time zone, which nobody tells.
                found = await mailbox.search(connection, "SINCE", internaldate.criterion(since - timedelta(days=1)))
            # What came meanwhile is news, not history.
            pieces = _pieces(found.clipped(1, state.uidnext - 1), state.uidnext - 1, exact=True)
            async for page in self._pages(folder.id, Place(state.uidvalidity, 0), pieces, release, since):
                yield page
        finally:
            release()

    async def fetch(self, ref: MessageRef, limit: int) -> bytes | None:
        async with self._turns.command() as connection:
            uid = await self._reach(connection, ref)
            return None if uid is None else await messages.fetch_message(connection, uid, limit)

    async def fetch_report(self, ref: MessageRef, limit: int) -> bytes | None:
        async with self._turns.command() as connection:
            uid = await self._reach(connection, ref)
            return None if uid is None else await messages.fetch_report(connection, uid, limit)

    async def wait(self, folders: Sequence[Folder], timeout: float) -> bool:
        """INBOX is idled on; of the others `changes` asks by STATUS, as often as the caller comes."""
        watched = next((folder for folder in folders if folder.role is FolderRole.INBOX), folders[0])
        return await self._waiter.wait(watched.id, timeout)

    async def close(self) -> None:
        await self._turns.close()

    def _pushed(self, connection: ImapConnection, folder_id: str, after: Place) -> list[_Piece]:
        """What the server has announced in the open folder, to be fetched without asking first; else nothing."""
        protocol, state = connection.protocol, self._knowledge.state(folder_id)
        read_to = self._knowledge.read_to(folder_id)
        if connection.folder_id != folder_id or state is None or state.uidvalidity != after.uidvalidity:
            return []
        if read_to is None or after.uid + 1 < read_to or not 0 < protocol.arrived <= PAGE:
            return []
        protocol.arrived, protocol.news = 0, False
        return [_Piece(f"{after.uid + 1}:*", self._knowledge.seen_to(connection, folder_id), 0)]

    async def _asked(self, connection: ImapConnection, folder_id: str, after: Place) -> list[_Piece]:
        """What is new by the folder's state. Raises `CursorVoid`."""
        was_open = connection.folder_id == folder_id
        if was_open:
            connection.protocol.arrived, connection.protocol.news = 0, False
        state = await self._knowledge.ask(connection, folder_id)
        after.require_valid(state)
        last = state.uidnext - 1
        seen = self._knowledge.seen_to(connection, folder_id) if was_open else last
        if last - after.uid <= PAGE:
            return [_Piece(f"{after.uid + 1}:{last}" if last > after.uid else "", seen, 0)]
        after.require_valid(await self._knowledge.open(connection, folder_id))
        # UIDs are sparse: asking for windows of them could go on for ever without a message.
        found = await mailbox.search(connection, "UID", f"{after.uid + 1}:{last}")
        return _pieces(found.clipped(after.uid + 1, last), seen, exact=False)

    async def _pages(
        self,
        folder_id: str,
        after: Place,
        pieces: Sequence[_Piece],
        release: Callable[[], None],
        since: datetime | None = None,
    ) -> AsyncIterator[Page]:
        remaining = sum(piece.count for piece in pieces)
        upto = after.uid
        asked: Exchange | None = None
        for at, piece in enumerate(pieces, start=1):
            found: Mapping[int, HeaderSet | None] = {}
            if piece.uid_set:
                following = pieces[at].uid_set if at < len(pieces) else None
                responses, asked = await self._fetch_page(folder_id, after, piece.uid_set, asked, following)
                found = self._read(responses, folder_id, after)
            # `n:*` names the last message even where none is new.
            news = tuple(
                header
                for uid, header in sorted(found.items())
                if header is not None and uid > after.uid and (since is None or header.received_at >= since)
            )
            upto = max(upto, piece.upto, max(found, default=0))
            remaining -= piece.count
            more = at < len(pieces)
            if not more:
                self._knowledge.was_read(folder_id, upto + 1)
                release()  # while the caller judges, the server can be listened to again
            yield Page(news, str(Place(after.uidvalidity, upto)), more=more, remaining=remaining)

    async def _fetch_page(
        self, folder_id: str, after: Place, uid_set: str, asked: Exchange | None, following: str | None
    ) -> tuple[list[Response], Exchange | None]:
        """The answer for `uid_set`, perhaps `asked` for before, and the question for the `following` page: the server
        works on that one while this one is read and judged."""
        async with self._turns.command() as connection:
            state = await self._knowledge.open(connection, folder_id)
            if state.uidvalidity != after.uidvalidity:
                raise CursorVoid("UIDVALIDITY changed while the folder was read")
            asked = asked or headers.begin(connection, uid_set, self._extension)
            responses = await headers.finish(connection, asked, uid_set, self._extension)
            if following is None:
                return responses, None
            ahead = headers.begin(connection, following, self._extension)
            self._turns.send_ahead(ahead)
            return responses, ahead

    def _read(self, responses: Sequence[Response], folder_id: str, after: Place) -> Mapping[int, HeaderSet | None]:
        try:
            if self._extension is not None:
                return headers.read_extended(responses, folder_id, after.uidvalidity, self._extension)
            return headers.read_headers(responses, folder_id, after.uidvalidity)
        except Unreadable as unreadable:
            raise self._turns.give_up(errors.misbehaved(str(unreadable))) from unreadable

    async def _reach(self, connection: ImapConnection, ref: MessageRef) -> int | None:
        """The message's UID once its folder is open; None where the folder or its numbering is gone."""
        try:
            at = place.read(ref.key)
            state = await self._knowledge.open(connection, ref.folder_id)
        except (CursorVoid, Permanent):
            return None
        return at.uid if state.uidvalidity == at.uidvalidity else None


def _pieces(found: Spans, upto: int, *, exact: bool) -> list[_Piece]:
    """`exact` where other messages lie between those found; else a range says the same in fewer octets. `upto`: where
    the folder is read to at least, once all were fetched."""
    pieces = [
        _Piece(str(page) if exact else f"{page.spans[0][0]}:{page.spans[-1][1]}", page.spans[-1][1], page.count)
        for page in found.pages(PAGE)
    ]
    if not pieces:
        return [_Piece("", upto, 0)]
    return [*pieces[:-1], replace(pieces[-1], upto=max(upto, pieces[-1].upto))]
