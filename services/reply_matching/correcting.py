"""A person says that a reply was judged wrongly: recorded with who and when, and announced, in one write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from replywire_contracts.catalogue import event_type
from replywire_contracts.v1.reply import Answer, AutoReplyDetected, ReplyDetected
from replywire_contracts.v1.values import AttachmentInfo

from services.reply_matching.domain.answer import answer_of, kind_of
from services.reply_matching.domain.correction import Correction, Letter, corrected_event, wanted
from services.reply_matching.holding import text_body
from services.reply_matching.ports import Bodies, Replies, TrackedMessages, TrackedRecord
from services.runtime.outcomes import Malformed, Refused
from services.runtime.owed import owe

_MOST = 50
"""Corrections of one reply: a person changes their mind a few times, a loop for ever."""


class Unheard(Exception):
    """No reply of this team has this id."""


@dataclass(frozen=True, slots=True)
class Correcting:
    tracked: TrackedMessages
    replies: Replies
    bodies: Callable[[], Bodies]

    async def correct(
        self,
        team_id: str,
        reply_id: str,
        *,
        klass: str | None,
        request_id: str | None,
        none: bool,
        reason: str,
        key_id: str,
    ) -> Mapping[str, Any]:
        """The reply as it is held then. What is announced so already changes nothing.

        Raises `Unheard`; `Malformed` where `request_id` is no message of the team; `Refused` after too many."""
        while True:
            reply = await self.replies.one(team_id, reply_id)
            if reply is None:
                raise Unheard(reply_id)
            said = announced_of(reply)
            correction = wanted(said[0], klass, request_id, none)
            if correction.is_said_by(said[0]):
                return reply
            if len(said) > _MOST:
                raise Refused(f"too_many_corrections: this reply was corrected {_MOST} times already")
            record = await self.tracked.record(team_id, correction.request_id)
            if record is None:
                raise Malformed(
                    f"No message of your team has the request_id {correction.request_id!r}.",
                    "request_id",
                    "Give the request_id of a message that was sent through Replywire, or `none: true`.",
                )
            event = await self._event(reply, said, correction, record, reason)
            entry = _entry(reply, event, reason, key_id)
            if await self.replies.correct(reply_id, len(said) - 1, _changes(event), entry, owe(event)):
                return await self.replies.one(team_id, reply_id) or reply
            # Somebody else corrected it in between: look again.

    async def _event(
        self, reply: Mapping[str, Any], said: list[Answer], correction: Correction, record: TrackedRecord, reason: str
    ) -> Answer:
        words, bodies, kind = reply["words"], self.bodies(), kind_of(correction.klass)
        number, html = 0, None
        whole = words["text"] if kind is ReplyDetected else ""
        new = words["new"] if kind in (ReplyDetected, AutoReplyDetected) else ""
        if kind is ReplyDetected:
            number = await self.tracked.number_of(
                record.tracked.team_id, record.tracked.request_id, answer_of(reply["account_id"], reply["identity"])
            )
            html = await text_body(bodies, words["html"], inline=0) if words["html"] else None
        event = corrected_event(
            correction,
            said,
            record.tracked,
            correlation_id=record.correlation_id,
            metadata=dict(record.metadata),
            reason=reason,
            letter=Letter(await text_body(bodies, new), await text_body(bodies, whole), html, number, words["new"]),
        )
        if isinstance(event, ReplyDetected) and not event.attachments:
            files = tuple(AttachmentInfo(**info) for info in reply["attachments"])
            return event.model_copy(update={"attachments": files})
        return event


def announced_of(reply: Mapping[str, Any]) -> list[Answer]:
    """What was announced about a reply, the latest first."""
    past = [(one["before_kind"], one["before"]) for one in reversed(reply.get("corrections", ()))]
    return [_read(kind, payload) for kind, payload in ((reply["announced_kind"], reply["announced"]), *past)]


def _read(kind: str, payload: bytes) -> Answer:
    event = event_type(kind).decode(payload)
    if not isinstance(event, Answer):
        raise TypeError(f"a reply was announced by {kind}, which is no answer")
    return event


def _changes(event: Answer) -> dict[str, Any]:
    return {
        "class": event.message_class,
        "request_id": event.request_id,
        "announced_kind": event.kind(),
        "announced": event.encode(),
    }


def _entry(reply: Mapping[str, Any], event: Answer, reason: str, key_id: str) -> dict[str, Any]:
    """What is kept of one correction, with the event that it took the place of."""
    return {
        "by": key_id,
        "at": datetime.now(UTC),
        "reason": reason,
        "corrects": event.corrects,
        "event_id": event.id,
        "class": event.message_class,
        "request_id": event.request_id,
        "withdrawn": event.withdrawn,
        "before_kind": reply["announced_kind"],
        "before": reply["announced"],
    }
