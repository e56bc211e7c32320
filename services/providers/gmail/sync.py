"""inbox_sync's face of the Gmail client: an IMAP session over All Mail and Spam that knows Gmail's conversations."""

from __future__ import annotations

from functools import partial

from services.providers.errors import ProviderError
from services.providers.gmail import errors, extension, folders
from services.providers.gmail.settings import read_settings, servers_of
from services.providers.imap.connection import open_connection
from services.providers.imap.session import ImapSession
from services.providers.protocols import ConnectPolicy
from services.providers.types import Credentials


class GmailSync:
    """Opens mailboxes. Holds nothing of them."""

    def __init__(self, policy: ConnectPolicy) -> None:
        self._policy = policy

    async def open(self, credentials: Credentials) -> ImapSession:
        settings = read_settings(credentials.settings)
        imap = servers_of(credentials.address, self._policy).imap
        try:
            connection = await open_connection(imap, credentials.secret, self._policy)
        except ProviderError as error:
            raise errors.of_reading(error) from error
        told = extension.EXTENSION if extension.offered(connection) else None
        return ImapSession(connection, partial(folders.to_read, extra=settings.folders), told)
