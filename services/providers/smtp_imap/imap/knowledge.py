"""What this connection has learnt of each folder: its state when last told, and how far it was read."""

from __future__ import annotations

from services.providers.smtp_imap.imap import mailbox
from services.providers.smtp_imap.imap.connection import ImapConnection
from services.providers.smtp_imap.imap.mailbox import FolderState


class Knowledge:
    def __init__(self) -> None:
        self._states: dict[str, FolderState] = {}
        self._read_to: dict[str, int] = {}

    def state(self, folder_id: str) -> FolderState | None:
        return self._states.get(folder_id)

    def read_to(self, folder_id: str) -> int | None:
        """Every message with a smaller UID was handed out, or is older than the first cursor."""
        return self._read_to.get(folder_id)

    def was_read(self, folder_id: str, uidnext: int) -> None:
        self._read_to[folder_id] = max(uidnext, self._read_to.get(folder_id, 0))

    async def open(self, connection: ImapConnection, folder_id: str) -> FolderState:
        """Make it the open folder, if it is not. Raises `Refused`, `Unreadable`."""
        known = self._states.get(folder_id)
        if connection.folder_id == folder_id and known is not None:
            return known
        return self._learn(folder_id, await mailbox.examine(connection, folder_id))

    async def ask(self, connection: ImapConnection, folder_id: str) -> FolderState:
        """Its state by now, whatever folder is open. Raises `Refused`, `Unreadable`."""
        if connection.folder_id == folder_id:
            # STATUS is not for the open folder (RFC 3501 6.3.10): Dovecot answers with what this session knows already.
            await connection.run("NOOP")
        return self._learn(folder_id, await mailbox.status(connection, folder_id))

    def _learn(self, folder_id: str, state: FolderState) -> FolderState:
        before = self._states.get(folder_id)
        if before is not None and before.uidvalidity != state.uidvalidity:
            self._read_to.pop(folder_id, None)
        self._states[folder_id] = state
        return state
