"""send's face of the Gmail client: submits over SMTP; what Google filed and named it is read back over IMAP."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from services.providers.errors import ProviderError
from services.providers.gmail import CLIENT, errors
from services.providers.gmail.finding import SentMail
from services.providers.gmail.settings import servers_of
from services.providers.protocols import Checkpoint, ConnectPolicy
from services.providers.smtp.submission import Submission
from services.providers.smtp.timeouts import Timeouts
from services.providers.types import (
    CopyVerdict,
    Credentials,
    Identities,
    Outgoing,
    Phase,
    Probe,
    ProbeVerdict,
    SentCopy,
    Submitted,
)

UNACKNOWLEDGED = 60.0
"""After so many seconds the kernel gives up what it wrote to a connection that answers nothing. What was on its way
has arrived by then or never will, so that a later look that finds nothing can be believed."""
LEARN_SECONDS = 5.0
"""How long the names that Google gives a message are waited for: it is sent, with them or without."""
_LOOKS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between them: nobody tells when it is filed."""


class GmailSend:
    """One for all accounts of a process; conforms to `protocols.Send`."""

    def __init__(
        self,
        policy: ConnectPolicy,
        *,
        timeouts: Timeouts | None = None,
        connections: int = CLIENT.capabilities.connections_per_account,
        most_idle: int = 500,
    ) -> None:
        self._sent = SentMail(policy)
        self._submission = Submission(
            policy,
            lambda credentials: servers_of(credentials.address, policy).smtp,
            connections=connections,
            most_idle=most_idle,
            timeouts=timeouts or Timeouts(unacknowledged=UNACKNOWLEDGED),
        )

    async def submit(self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint) -> Submitted:
        noted = _Noted(checkpoint)
        try:
            submitted = await self._submission.submit(outgoing, credentials, noted)
        except ProviderError as error:
            raise errors.of_sending(error, logged_in=noted.logged_in) from error
        learnt = await self._learnt(outgoing, credentials)
        return submitted if learnt is None else replace(submitted, identities=learnt)

    async def probe(self, outgoing: Outgoing, credentials: Credentials, handle: str | None) -> Probe:
        try:
            found = await self._sent.find(outgoing, credentials)
        except ProviderError as error:
            raise errors.of_reading(error) from error
        if found.identities is not None:
            return Probe(ProbeVerdict.FOUND, found.identities, f"in {found.where}")
        if found.telling:
            return Probe(ProbeVerdict.ABSENT, evidence=f"not in {found.where}")
        where = f"not in {found.where}, which proves nothing here" if found.where else "sent mail is hidden from IMAP"
        return Probe(ProbeVerdict.CANNOT_KNOW, evidence=where)

    async def file_sent_copy(self, outgoing: Outgoing, credentials: Credentials, until: float) -> SentCopy:
        return SentCopy(CopyVerdict.PROVIDER_FILES)

    async def forget(self, account_id: str) -> None:
        self._submission.forget(account_id)
        await self._sent.forget(account_id)

    async def close(self) -> None:
        self._submission.close()
        await self._sent.close()

    async def _learnt(self, outgoing: Outgoing, credentials: Credentials) -> Identities | None:
        """None where they cannot be read in time. Its conversation is then known once inbox_sync reads All Mail."""
        try:
            async with asyncio.timeout(LEARN_SECONDS):
                for pause in _LOOKS:
                    if (identities := await self._sent.learn(outgoing, credentials)) is not None:
                        return identities
                    await asyncio.sleep(pause)
                return None
        except (ProviderError, TimeoutError):
            return None


class _Noted:
    """The caller's checkpoint, and whether Google had let us in."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self.logged_in = False

    async def __call__(self, phase: Phase, handle: str | None = None) -> None:
        self.logged_in = True
        await self._checkpoint(phase, handle)
