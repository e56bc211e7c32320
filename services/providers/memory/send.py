"""send's face of the in-memory client: the same phases as SMTP, each of which can be made to fail."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict

from services.providers.errors import OutcomeUnknown, Permanent, Transient
from services.providers.memory.login import log_in
from services.providers.memory.world import Mail, MemoryAccount, MemoryFolder, Step, World
from services.providers.protocols import Checkpoint
from services.providers.types import (
    CopyVerdict,
    Credentials,
    FolderRole,
    Identities,
    Outgoing,
    Phase,
    Probe,
    ProbeVerdict,
    RecipientOutcome,
    SentCopy,
    Submitted,
)


class MemorySend:
    def __init__(self, world: World, connections: int) -> None:
        self._world = world
        self._turns: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(connections))

    async def submit(self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint) -> Submitted:
        async with self._turns[credentials.account_id]:
            await self._world.reach(Step.LOGIN)
            log_in(self._world, credentials.address, credentials.secret)
            await checkpoint(Phase.CONNECTED)
            await self._world.reach(Step.RECIPIENTS)
            outcomes = self._envelope(outgoing)
            await checkpoint(Phase.RECIPIENTS_ACCEPTED)
            await self._world.reach(Step.BODY)
            await checkpoint(Phase.BODY)
            await checkpoint(Phase.COMMITTING)
            return await self._commit(outgoing, outcomes, checkpoint)

    async def probe(self, outgoing: Outgoing, credentials: Credentials, handle: str | None) -> Probe:
        await self._world.reach(Step.PROBE)
        account = log_in(self._world, credentials.address, credentials.secret)
        sent = _sent(account)
        known = outgoing.message_id in {taken.message_id for taken in self._world.ledger}
        if (sent is not None and _find(sent, outgoing)) or (known and self._world.remembers):
            identities = Identities(message_ids=(outgoing.message_id,), marker=outgoing.marker)
            return Probe(ProbeVerdict.FOUND, identities, "in Sent")
        if self._world.remembers:
            return Probe(ProbeVerdict.ABSENT, evidence="not in the ledger")
        return Probe(ProbeVerdict.CANNOT_KNOW, evidence="not in Sent, which proves nothing")

    async def file_sent_copy(self, outgoing: Outgoing, credentials: Credentials, until: float) -> SentCopy:
        await self._world.reach(Step.COPY)
        sent = _sent(log_in(self._world, credentials.address, credentials.secret))
        if sent is None:
            raise Permanent(
                "no_sent_folder",
                words="none of the mailbox's folders is known to be for sent mail",
                remedy="Choose the folder for sent mail in this mailbox's settings, or switch the sent copy off.",
            )
        found = _find(sent, outgoing)
        if found is not None:
            return SentCopy(CopyVerdict.ALREADY_THERE, sent.name, found.uid)
        if time.monotonic() >= until:
            raise Transient("timeout", words="the copy could not be appended in its time")
        return SentCopy(CopyVerdict.FILED, sent.name, sent.add(outgoing.mime).uid)

    async def forget(self, account_id: str) -> None:
        self._turns.pop(account_id, None)

    async def close(self) -> None:
        self._turns.clear()

    def _envelope(self, outgoing: Outgoing) -> tuple[RecipientOutcome, ...]:
        refusals = {address: self._world.refused.get(address) for address in outgoing.envelope.recipients}
        if all(refusals.values()):
            reply = next((reply for reply in refusals.values() if reply and reply.startswith("4")), None)
            if reply is not None:
                raise Transient("deferred_by_server", words=reply, code=reply[:9])
            reply = next(iter(refusals.values())) or ""
            raise Permanent("refused_recipient", words=reply, code=reply[:9], remedy="Check the recipient's address.")
        return tuple(
            RecipientOutcome(address, reply is None, (reply or "250 2.1.5")[:9], (reply or "")[10:])
            for address, reply in refusals.items()
        )

    async def _commit(
        self, outgoing: Outgoing, outcomes: tuple[RecipientOutcome, ...], checkpoint: Checkpoint
    ) -> Submitted:
        try:
            await self._world.reach(Step.COMMIT)
            self._take(outgoing, outcomes)
            await checkpoint(Phase.COMMITTED)
            await self._world.reach(Step.ANSWER)
        except ConnectionError as lost:
            raise OutcomeUnknown("no_answer", words="the message was handed over, then the connection ended") from lost
        await checkpoint(Phase.ANSWERED)
        ids = dict.fromkeys((outgoing.message_id, *([self._world.rewrites] if self._world.rewrites else [])))
        return Submitted(Identities(message_ids=tuple(ids), marker=outgoing.marker), outcomes, "2.0.0 Ok")

    def _take(self, outgoing: Outgoing, outcomes: tuple[RecipientOutcome, ...]) -> None:
        self._world.ledger.append(outgoing)
        for outcome in outcomes:
            if outcome.accepted and outcome.address in self._world.accounts:
                self._world.deliver(outcome.address, outgoing.mime)


def _sent(account: MemoryAccount) -> MemoryFolder | None:
    return next((folder for folder in account.folders.values() if folder.role is FolderRole.SENT), None)


def _find(folder: MemoryFolder, outgoing: Outgoing) -> Mail | None:
    own = f"message-id: {outgoing.message_id}".lower().encode()
    return next((mail for mail in folder.mails if own in mail.raw.lower()), None)
