"""inbox_sync's face of the SMTP/IMAP client: INBOX, Junk and the folders that its settings name."""

from __future__ import annotations

from functools import partial

from services.providers.imap import folders
from services.providers.imap.connection import open_connection
from services.providers.imap.session import ImapSession
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.settings import read_settings
from services.providers.types import Credentials


class SmtpImapSync:
    """Opens mailboxes. Holds nothing of them."""

    def __init__(self, policy: ConnectPolicy) -> None:
        self._policy = policy

    async def open(self, credentials: Credentials) -> ImapSession:
        settings = read_settings(credentials.settings)
        connection = await open_connection(settings.imap, credentials.secret, self._policy)
        return ImapSession(connection, partial(folders.to_read, extra=settings.folders))
