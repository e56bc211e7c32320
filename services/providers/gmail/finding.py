"""Finds a sent message in its mailbox by its Message-ID, as Google's own search does (`rfc822msgid:`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.providers.gmail import extension
from services.providers.gmail.folders import all_mail, trash
from services.providers.gmail.settings import servers_of
from services.providers.imap import folders, mailbox, messages, names
from services.providers.imap.connection import ImapConnection
from services.providers.imap.kept import KeptConnections
from services.providers.imap.mailbox import Listed
from services.providers.protocols import ConnectPolicy
from services.providers.types import Credentials, FolderRole, Identities, Outgoing

_KEPT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Found:
    """`identities` is None where the message is not there. `telling`: then it was not sent."""

    identities: Identities | None
    where: str
    telling: bool


class SentMail:
    """send's look into many mailboxes, over one short-lived connection each."""

    def __init__(self, policy: ConnectPolicy) -> None:
        self._connections = KeptConnections(
            policy, lambda credentials: servers_of(credentials.address, policy).imap, _KEPT_SECONDS
        )

    async def learn(self, outgoing: Outgoing, credentials: Credentials) -> Identities | None:
        """What Google calls it, once it lies where sent mail does; None while it does not."""
        async with self._connections.use(credentials) as connection:
            listed = () if connection.folder_id else await mailbox.list_folders(connection)
            opened = connection.folder_id or await _open(connection, _filed_in(listed))
            return await _look(connection, outgoing) if opened else None

    async def find(self, outgoing: Outgoing, credentials: Credentials) -> Found:
        """Also where the person may have moved it meanwhile. Sent or in the bin, Google has kept it; so that a message
        that is in neither was never taken, where the server is Google's and shows both: people can hide them from IMAP,
        and what lies in a hidden bin must not be sent again."""
        async with self._connections.use(credentials) as connection:
            listed = await mailbox.list_folders(connection)
            home, bin_ = _filed_in(listed), trash(listed)
            if home is None:
                return Found(None, "", telling=False)
            try:
                for folder in filter(None, (home, bin_)):
                    await _open(connection, folder)
                    if (identities := await _look(connection, outgoing)) is not None:
                        return Found(identities, folder.name, telling=True)
            finally:
                if connection.folder_id != home.id and not connection.closed:
                    connection.selected(None)  # `learn` looks into whatever is open
            looked_into = " and ".join(folder.name for folder in (home, bin_) if folder is not None)
            saw_all = all_mail(listed) is not None and bin_ is not None
            return Found(None, looked_into, telling=saw_all and extension.offered(connection))

    async def forget(self, account_id: str) -> None:
        await self._connections.forget(account_id)

    async def close(self) -> None:
        await self._connections.close()


def _filed_in(listed: Sequence[Listed]) -> Listed | None:
    return all_mail(listed) or folders.find(FolderRole.SENT, listed)


async def _open(connection: ImapConnection, folder: Listed | None) -> bool:
    if folder is not None:
        await mailbox.examine(connection, folder.id)
    return folder is not None


async def _look(connection: ImapConnection, outgoing: Outgoing) -> Identities | None:
    """In the open folder."""
    own = outgoing.message_id
    # The header is asked for as well: Google's index is a moment behind its folders.
    criteria: list[tuple[str, ...]] = [("HEADER", "Message-ID", names.quoted(own))]
    if extension.offered(connection):
        criteria.insert(0, ("X-GM-RAW", names.quoted(f"rfc822msgid:{own.strip('<>')}")))
    for criterion in criteria:
        found = await mailbox.search(connection, *criterion)
        if found.spans:
            return await _identities(connection, found.spans[0][0], outgoing)
    return None


async def _identities(connection: ImapConnection, uid: int, outgoing: Outgoing) -> Identities:
    known = Identities(message_ids=(outgoing.message_id,), marker=outgoing.marker)
    if not extension.offered(connection):
        return known
    told = await messages.attributes(connection, uid, f"(UID {extension.IDENTITIES})") or {}
    return Identities(
        message_ids=known.message_ids,
        marker=known.marker,
        provider_message_id=extension.number(told, b"X-GM-MSGID"),
        provider_thread_id=extension.number(told, b"X-GM-THRID"),
    )
