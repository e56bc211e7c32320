"""What this connection has learnt of each folder: its state when last told, and how far it was read."""

from __future__ import annotations

from services.providers.imap import errors, mailbox
from services.providers.imap.connection import ImapConnection
from services.providers.imap.errors import Refused
from services.providers.imap.mailbox import FolderState


class Knowledge:
    def __init__(self) -> None:
        self._states: dict[str, FolderState] = {}
        self._read_to: dict[str, int] = {}
        self._seen_to = 0

    def state(self, folder_id: str) -> FolderState | None:
        return self._states.get(folder_id)

    def read_to(self, folder_id: str) -> int | None:
        """Every message with a smaller UID was handed out, or is older than the first cursor."""
        return self._read_to.get(folder_id)

    def was_read(self, folder_id: str, uidnext: int) -> None:
        self._read_to[folder_id] = max(uidnext, self._read_to.get(folder_id, 0))

    def seen_to(self, connection: ImapConnection, folder_id: str) -> int:
        """The UID up to which the open folder surely shows all there is; 0 for any other.

        STATUS may tell of messages that a folder opened before does not show yet: a cursor must not pass them."""
        return self._seen_to if connection.folder_id == folder_id else 0

    async def open(self, connection: ImapConnection, folder_id: str) -> FolderState:
        """Make it the open folder, if it is not. Raises `Permanent` where it cannot be, `Transient`, `Unreadable`."""
        known = self._states.get(folder_id)
        if connection.folder_id == folder_id and known is not None:
            return known
        try:
            state = self._learn(folder_id, await mailbox.examine(connection, folder_id))
        except Refused as refusal:
            raise errors.refused_folder(refusal, folder_id) from refusal
        self._seen_to = state.uidnext - 1
        return state

    async def ask(self, connection: ImapConnection, folder_id: str) -> FolderState:
        """Its state by now, whatever folder is open. Raises as `open`."""
        try:
            if connection.folder_id == folder_id:
                # STATUS is not for the open folder (RFC 3501 6.3.10): Dovecot answers with what this session knows.
                await connection.run("NOOP")
            return self._learn(folder_id, await mailbox.status(connection, folder_id))
        except Refused as refusal:
            raise errors.refused_folder(refusal, folder_id) from refusal

    def _learn(self, folder_id: str, state: FolderState) -> FolderState:
        before = self._states.get(folder_id)
        if before is not None and before.uidvalidity != state.uidvalidity:
            self._read_to.pop(folder_id, None)
        self._states[folder_id] = state
        return state
