"""send's face of the SMTP/IMAP client: submits over SMTP; the Sent folder is looked at over IMAP."""

from __future__ import annotations

from services.providers.protocols import Checkpoint, ConnectPolicy
from services.providers.smtp.submission import Submission
from services.providers.smtp.timeouts import Timeouts
from services.providers.smtp_imap import CLIENT
from services.providers.smtp_imap.sent_copy import SentFolders
from services.providers.smtp_imap.settings import smtp_of
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
        self._sent = SentFolders(policy)
        self._submission = Submission(policy, smtp_of, connections=connections, most_idle=most_idle, timeouts=timeouts)

    async def submit(self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint) -> Submitted:
        return await self._submission.submit(outgoing, credentials, checkpoint)

    async def probe(self, outgoing: Outgoing, credentials: Credentials, handle: str | None) -> Probe:
        return await self._sent.probe(outgoing, credentials)

    async def file_sent_copy(self, outgoing: Outgoing, credentials: Credentials, until: float) -> SentCopy:
        return await self._sent.file(outgoing, credentials, until)

    async def forget(self, account_id: str) -> None:
        self._submission.forget(account_id)
        await self._sent.forget(account_id)

    async def close(self) -> None:
        self._submission.close()
        await self._sent.close()
