"""An answer as it is held and announced: its words, files and verdict as values, and the event they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from hashlib import blake2b
from typing import Any

from replywire_contracts.event import derived_id
from replywire_contracts.v1.reply import (
    Answer,
    AutoReplyDetected,
    BounceDetected,
    BouncedRecipient,
    ComplaintDetected,
    ReplyDetected,
)
from replywire_contracts.v1.values import Address, AttachmentInfo, Body, Evidence

from services.reply_matching.domain.addresses import display_name
from services.reply_matching.domain.classification import Action, Class, Classification
from services.reply_matching.domain.headers import Headers, message_ids, normal_id
from services.reply_matching.domain.html import sanitise
from services.reply_matching.domain.judged import Tracked, Verdict
from services.reply_matching.domain.mime_reading import Mail, Part
from services.reply_matching.domain.reply_text import new_text

_KINDS: dict[Class, type[Answer]] = {
    Class.HUMAN: ReplyDetected,
    Class.BOUNCE: BounceDetected,
    Class.DELAYED: BounceDetected,
    Class.COMPLAINT: ComplaintDetected,
}
_MAX_ATTACHMENTS = 100
_WORDS = 100_000
"""Characters of all recipients' words in one event: the bus carries 1 MiB, and refuses for good what is more."""


@dataclass(frozen=True, slots=True)
class Words:
    """What an answer says. `html` is sanitised."""

    text: str = ""
    new: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """One message of a mailbox, judged and classified."""

    team_id: str
    account_id: str
    ref: str
    received_at: datetime
    provider_thread_id: str | None
    headers: Headers = field(repr=False)
    verdict: Verdict
    classification: Classification


def kind_of(klass: Class) -> type[Answer]:
    """The event that announces a class."""
    return _KINDS.get(klass, AutoReplyDetected)


def identity_of(headers: Headers, raw: bytes) -> str:
    """What makes a message the same one wherever it lies: its Message-ID, else its very octets.

    A folder read again after its UIDs changed gives every message a new place; its identity stays.
    """
    own = normal_id(headers.raw(b"message-id"))
    return own or "octets:" + blake2b(raw, digest_size=16).hexdigest()


def answer_of(account_id: str, identity: str) -> str:
    """The same wherever and whenever this mailbox has the message, even where its server tells another time of it."""
    return derived_id(account_id, identity)[:20]


def reply_id_of(judged: Judged, identity: str) -> str:
    """Sorts by time."""
    return f"rep_{int(judged.received_at.timestamp() * 1000):012x}{answer_of(judged.account_id, identity)}"


def words_of(mail: Mail) -> Words:
    """The text as a person reads it, the new words alone, and HTML made safe."""
    plain = next((part.text() for part in mail.text_parts if part.type.name == "text/plain"), None)
    html = next((part.text() for part in mail.text_parts if part.type.name == "text/html"), None)
    reply = new_text(plain, html)
    whole = plain if plain else "\n".join(piece for piece in (reply.new, reply.signature, reply.quoted) if piece)
    return Words(whole, reply.new, sanitise(html) if html else "")


def files_of(mail: Mail) -> Iterator[tuple[Part, AttachmentInfo]]:
    """The files that came with it; at most a hundred."""
    files = (part for part in mail.parts if not part.is_text and not part.type.name.startswith("multipart/"))
    for _, part in zip(range(_MAX_ATTACHMENTS), files, strict=False):
        name = part.name or part.type.name.replace("/", ".")
        yield part, AttachmentInfo(filename=name[:255], content_type=part.type.name[:255], size=part.size)


def announcement(
    judged: Judged,
    tracked: Tracked,
    *,
    reply_id: str,
    number: int,
    correlation_id: str,
    metadata: dict[str, Any],
    words: Words,
    new_words: Body,
    whole_text: Body,
    html: Body | None,
    attachments: tuple[AttachmentInfo, ...],
    causation_id: str | None,
) -> Answer:
    """The event for a match, by its class."""
    verdict, found, headers = judged.verdict, judged.classification, judged.headers
    sender = headers.text(b"from")
    facts: dict[str, Any] = {
        "id": derived_id("answer.detected", reply_id, found.klass.value),
        "occurred_at": datetime.now(UTC),
        "team_id": judged.team_id,
        "correlation_id": correlation_id,
        "causation_id": causation_id,
        "reply_id": reply_id,
        "request_id": tracked.request_id,
        "account_id": judged.account_id,
        "metadata": metadata,
        "matched_by": verdict.matched_by.value if verdict.matched_by else "",
        "confidence": verdict.confidence.value if verdict.confidence else "",
        "evidence": tuple(
            Evidence(rule=one.sign[:64], detail=one.seen[:500]) for one in (*verdict.evidence, *found.evidence)
        ),
        "message_class": found.klass.value,
        "message_id": _own_id(headers),
        "sender": Address(email=verdict.sender[:320], name=display_name(headers)[:256] or None)
        if len(verdict.sender) >= 3 and sender
        else None,
        "sender_matches": verdict.sender_matches,
        "subject": headers.text(b"subject")[:2000],
        "subject_changed": verdict.subject_changed,
        "received_at": judged.received_at,
        "provider_thread_id": judged.provider_thread_id,
        "other_account": verdict.other_account,
    }
    kind = kind_of(found.klass)
    if kind is BounceDetected:
        hardness = found.hardness.value if found.hardness else None
        return BounceDetected(**facts, hardness=hardness, recipients=_recipients(found))
    if kind is ComplaintDetected:
        named = next((report.address for report in found.recipients if report.address), None)
        return ComplaintDetected(**facts, feedback_type=found.reason or "abuse", recipient=named)
    if kind is AutoReplyDetected:
        returns = found.return_date
        return AutoReplyDetected(
            **facts,
            new_text=new_words,
            returns_at=datetime.combine(returns, time(), UTC) if returns else None,
        )
    return ReplyDetected(
        **facts,
        reply_number=number,
        new_text=new_words,
        text=whole_text,
        html=html,
        attachments=attachments,
        unsubscribe_request=found.unsubscribe_request,
        thread_message_ids=_thread(headers),
    )


def _recipients(found: Classification) -> tuple[BouncedRecipient, ...]:
    words = min(2000, _WORDS // max(1, len(found.recipients)))
    return tuple(
        BouncedRecipient(
            email=report.address[:320],
            action=report.action.value,
            hardness=report.hardness.value if report.hardness and report.action is Action.FAILED else "none",
            status=report.status[:32],
            reason=report.reason[:64],
            words=report.words[:words],
        )
        for report in found.recipients
    )


def _own_id(headers: Headers) -> str | None:
    """As its sender wrote it, for it is a name and case may matter to others."""
    own = headers.text(b"message-id")
    return own if 0 < len(own) <= 998 else None


def _thread(headers: Headers) -> tuple[str, ...]:
    ids = message_ids(headers.raw(b"references") + b" " + headers.raw(b"in-reply-to"))
    return tuple(f"<{one}>" for one in dict.fromkeys(ids) if len(one) < 996)[-50:]
