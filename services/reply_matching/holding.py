"""Holding an answer: judged whole, classified, its large parts put by reference, stored with what is owed about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.values import AttachmentInfo, Body

from services.reply_matching.domain.answer import (
    Judged,
    Words,
    announcement,
    answer_of,
    files_of,
    identity_of,
    reply_id_of,
    words_of,
)
from services.reply_matching.domain.classification import Class
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.judged import JudgedMessage, Tracked, VerdictKind
from services.reply_matching.domain.mime_reading import Mail, read_mail
from services.reply_matching.judging import Judging
from services.reply_matching.ports import Bodies, Replies, TrackedMessages, TrackedRecord
from services.runtime.owed import owe

_INLINE_TEXT = 64 * 1024
"""Octets of one text inside an event; three of them and the rest must fit one NATS message."""
_STORED_TEXT = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Holding:
    tracked: TrackedMessages
    replies: Replies
    bodies: Callable[[], Bodies]
    judging: Judging
    attachment_limit: int

    async def octets(self, event: InboxMatched) -> bytes | None:
        if event.object_ref is not None:
            return await self.bodies().get(event.object_ref)
        return event.raw if event.raw is not None else event.header_block

    async def judge_and_hold(self, event: InboxMatched, raw: bytes) -> bool:
        """True where it is an answer of ours and new. What turns out to be none (an own copy) is let go."""
        mail = read_mail(raw)
        found = await self._judged(event, mail)
        if found is None:
            return False
        judged, record = found
        identity = identity_of(mail.headers, raw)
        reply_id = reply_id_of(judged, identity)
        tracked = record.tracked
        words = words_of(mail)
        human = judged.classification.klass is Class.HUMAN
        answer = answer_of(judged.account_id, identity)
        number = await self.tracked.number_of(tracked.team_id, tracked.request_id, answer) if human else 0
        attachments = [await self._kept(part.content(self.attachment_limit), info) for part, info in files_of(mail)]
        event_owed = announcement(
            judged,
            tracked,
            reply_id=reply_id,
            number=number,
            correlation_id=record.correlation_id,
            metadata=dict(record.metadata),
            words=words,
            new_words=await text_body(self.bodies(), words.new),
            whole_text=await text_body(self.bodies(), words.text),
            html=await text_body(self.bodies(), words.html, inline=0) if words.html else None,
            attachments=tuple(attachments),
            causation_id=event.id,
        )
        stored = _document(judged, tracked, reply_id, identity, words, attachments, event.truncated or event.gone)
        announced = {"announced_kind": event_owed.kind(), "announced": event_owed.encode()}
        return await self.replies.hold(stored | announced | {"owed": [owe(event_owed)]})

    async def _judged(self, event: InboxMatched, mail: Mail) -> tuple[Judged, TrackedRecord] | None:
        message = JudgedMessage(
            account_id=event.account_id,
            team_id=event.team_id,
            ref=event.ref,
            block=mail.raw,
            received_at=event.received_at,
            provider_thread_id=event.provider_thread_id,
        )
        verdicts = await self.judging.verdicts([message], inside=False)
        if verdicts and verdicts[0].kind is VerdictKind.LOOK_INSIDE:
            verdicts = await self.judging.verdicts([message], inside=True)
        verdict = verdicts[0] if verdicts else None
        if verdict is None or verdict.kind is not VerdictKind.MATCH or verdict.tracked is None:
            return None
        record = await self.tracked.record(verdict.tracked.team_id, verdict.tracked.request_id)
        if record is None:
            return None
        judged = Judged(
            team_id=event.team_id,
            account_id=event.account_id,
            ref=event.ref,
            received_at=event.received_at,
            provider_thread_id=event.provider_thread_id,
            headers=mail.headers,
            verdict=verdict,
            classification=classify(mail, event.received_at),
        )
        return judged, record

    async def _kept(self, content: bytes, info: AttachmentInfo) -> AttachmentInfo:
        """A file within the limit, by reference; a larger one is only named."""
        if info.size > self.attachment_limit or not content:
            return info
        return info.model_copy(update={"object_ref": await self.bodies().put(content)})


async def text_body(bodies: Bodies, text: str, inline: int = _INLINE_TEXT) -> Body:
    """As an event carries it: itself up to `inline` octets of JSON, where a control character takes six; else by
    reference."""
    encoded = text.encode()
    if len(encoded) <= inline and len(to_json(text)) <= inline:
        return Body(text=text)
    return Body(object_ref=await bodies.put(encoded))


def _document(
    judged: Judged,
    tracked: Tracked,
    reply_id: str,
    identity: str,
    words: Words,
    attachments: list[AttachmentInfo],
    incomplete: bool,
) -> dict[str, Any]:
    return {
        "_id": reply_id,
        "identity": identity,
        "team_id": judged.team_id,
        "account_id": judged.account_id,
        "request_id": tracked.request_id,
        "ref": judged.ref,
        "class": judged.classification.klass.value,
        "received_at": judged.received_at,
        "held_at": datetime.now(UTC),
        "words": {name: text[:_STORED_TEXT] for name, text in asdict(words).items()},
        "attachments": [info.model_dump() for info in attachments],
        "incomplete": incomplete,
    }
