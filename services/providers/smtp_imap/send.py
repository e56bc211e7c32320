"""send's face of the SMTP/IMAP client: submits over kept SMTP connections; the Sent folder is looked at over IMAP."""

from __future__ import annotations

from services.providers.protocols import Checkpoint, ConnectPolicy
from services.providers.smtp_imap import CLIENT
from services.providers.smtp_imap.sent_copy import SentFolders
from services.providers.smtp_imap.settings import Endpoint
from services.providers.smtp_imap.smtp.connection import Connection
from services.providers.smtp_imap.smtp.dial import dial
from services.providers.smtp_imap.smtp.envelope import WentStale
from services.providers.smtp_imap.smtp.handover import hand_over
from services.providers.smtp_imap.smtp.pool import Pool
from services.providers.smtp_imap.smtp.timeouts import Timeouts
from services.providers.types import Credentials, Outgoing, Probe, SentCopy, Submitted


class SmtpImapSend:
    """One for all accounts of a process; conforms to `protocols.Send`."""

    def __init__(
        self,
        policy: ConnectPolicy,
        *,
        timeouts: Timeouts | None = None,
        connections: int = CLIENT.capabilities.connections_per_account,
        most_idle: int = 500,
    ) -> None:
        self._policy = policy
        self._timeouts = timeouts or Timeouts()
        self._sent = SentFolders(policy)
        self._pool = Pool(self._dial, self._timeouts, connections, most_idle)

    async def submit(self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint) -> Submitted:
        try:
            return await self._attempt(outgoing, credentials, checkpoint, fresh=False)
        except WentStale:
            # The server had closed a kept connection: nothing was sent, and a new one is never stale.
            return await self._attempt(outgoing, credentials, checkpoint, fresh=True)

    async def probe(self, outgoing: Outgoing, credentials: Credentials, handle: str | None) -> Probe:
        return await self._sent.probe(outgoing, credentials)

    async def file_sent_copy(self, outgoing: Outgoing, credentials: Credentials) -> SentCopy:
        return await self._sent.file(outgoing, credentials)

    async def forget(self, account_id: str) -> None:
        self._pool.forget(account_id)
        await self._sent.forget(account_id)

    async def close(self) -> None:
        self._pool.close()
        await self._sent.close()

    async def _attempt(
        self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint, *, fresh: bool
    ) -> Submitted:
        async with self._pool.connection(credentials, fresh=fresh) as connection:
            return await hand_over(outgoing, connection, checkpoint, self._timeouts)

    async def _dial(self, endpoint: Endpoint, key: str) -> Connection:
        return await dial(endpoint, key, self._policy, self._timeouts)
