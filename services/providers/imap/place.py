"""Where something stands in a folder, as text that outlives the connection: `uidvalidity:uid`."""

from __future__ import annotations

from dataclasses import dataclass

from services.providers.errors import CursorVoid
from services.providers.imap.mailbox import FolderState


@dataclass(frozen=True, slots=True)
class Place:
    """As a cursor: everything up to and including `uid` was read. As a key: that very message."""

    uidvalidity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.uidvalidity}:{self.uid}"

    def require_valid(self, state: FolderState) -> None:
        """Raises `CursorVoid` where UIDs have been given out anew since."""
        if state.uidvalidity != self.uidvalidity:
            raise CursorVoid(f"UIDVALIDITY changed from {self.uidvalidity} to {state.uidvalidity}")
        if state.uidnext <= self.uid:
            raise CursorVoid(f"UIDNEXT fell to {state.uidnext}, below what was read")


def read(text: str) -> Place:
    """Raises `CursorVoid` where it is no place."""
    uidvalidity, colon, uid = text.partition(":")
    if not (colon and uidvalidity.isascii() and uid.isascii() and uidvalidity.isdigit() and uid.isdigit()):
        raise CursorVoid("the cursor is not of this client")
    return Place(int(uidvalidity), int(uid))
