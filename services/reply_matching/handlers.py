"""What this service does when asked or told: one function each, read as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from replywire_contracts.v1.account import AccountConnected, AccountDisconnected
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.rpc import (
    Ack,
    AddIdentities,
    ConfirmHeld,
    Held,
    Judge,
    Register,
    TrackedMessage,
    Verdicts,
)
from replywire_contracts.v1.values import Identities

from services.reply_matching.domain.addresses import normal_address
from services.reply_matching.domain.headers import normal_id
from services.reply_matching.domain.judged import JudgedMessage
from services.reply_matching.domain.keys import registration_keys
from services.reply_matching.domain.subjects import normal_subject
from services.reply_matching.holding import Holding
from services.reply_matching.judging import Judging, answer
from services.reply_matching.ports import OwnAddresses, Registration, Replies, TrackedMessages
from services.runtime.outcomes import Refused


@dataclass(frozen=True, slots=True)
class Handlers:
    tracked: TrackedMessages
    own_addresses: OwnAddresses
    replies: Replies
    judging: Judging
    holding: Holding

    async def register(self, asked: Register) -> Ack:
        """From here on every judgement knows these messages."""
        for message in asked.messages:
            await self.own_addresses.learn(message.team_id, [message.own_address])
        await self.tracked.register([_registration(message) for message in asked.messages])
        return Ack()

    async def add_identities(self, asked: AddIdentities) -> Ack:
        """Names that the provider gave afterwards lead home as well."""
        for added in asked.messages:
            record = await self.tracked.record(added.team_id, added.request_id)
            if record is not None:
                keys = _keys(added.team_id, record.tracked.account_id, added.identities)
                await self.tracked.add_keys(added.team_id, added.request_id, keys, _ids(added.identities))
        return Ack()

    async def judge(self, asked: Judge) -> Verdicts:
        """Name what is ours; everything else is forgotten with this call."""
        await self.own_addresses.learn(asked.team_id, [asked.own_address])
        messages = [
            JudgedMessage(
                account_id=asked.account_id,
                team_id=asked.team_id,
                ref=message.ref,
                block=message.block.encode("latin-1"),
                received_at=datetime.fromtimestamp(message.received_at, UTC),
                provider_thread_id=message.thread,
                by_owner=message.own,
            )
            for message in asked.messages
        ]
        verdicts = await self.judging.verdicts(messages, inside=asked.inside)
        return Verdicts(verdicts=tuple(answer(one) for one in verdicts))

    async def confirm_held(self, asked: ConfirmHeld) -> Held:
        return Held(refs=tuple(await self.replies.settled(asked.account_id, asked.refs)))

    async def on_inbox_matched(self, event: InboxMatched) -> None:
        """Judge the whole message again, classify it, hold it with its announcement, and remember its place as done."""
        raw = await self.holding.octets(event)
        if raw is None:
            raise Refused(f"inbox.matched {event.id} carries neither octets nor a reference: nothing can be judged")
        await self.holding.judge_and_hold(event, raw)
        await self.replies.settle(event.account_id, event.ref)

    async def on_account_connected(self, event: AccountConnected) -> None:
        await self.own_addresses.connected(event.team_id, event.address, event.revision)

    async def on_account_disconnected(self, event: AccountDisconnected) -> None:
        """From here on its mail is anybody's: who was tried out, or has left, may be written to and answer."""
        await self.own_addresses.disconnected(event.team_id, event.address, event.revision)


def _registration(message: TrackedMessage) -> Registration:
    recipients = tuple(normal_address(address) for address in message.recipients)
    return Registration(
        team_id=message.team_id,
        account_id=message.account_id,
        request_id=message.request_id,
        keys=_keys(message.team_id, message.account_id, message.identities, message.subject, recipients),
        message_ids=_ids(message.identities),
        recipients=recipients,
        subject_key=normal_subject(message.subject),
        sent_at=message.sent_at,
        correlation_id=message.correlation_id,
        metadata=message.metadata,
    )


def _keys(
    team_id: str, account_id: str, names: Identities, subject: str = "", recipients: tuple[str, ...] = ()
) -> tuple[bytes, ...]:
    return registration_keys(
        team_id,
        account_id,
        message_ids=names.message_ids,
        marker=names.marker,
        provider_thread_id=names.provider_thread_id,
        thread_index=names.thread_index,
        subject=subject,
        recipients=recipients,
    )


def _ids(names: Identities) -> tuple[str, ...]:
    return tuple(normal_id(name) for name in names.message_ids)
