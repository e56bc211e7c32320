"""What a person's correction makes of an event: the one that takes its place, of the kind that the right class has.

Nothing is unsaid: the earlier event stays what it was, and the new one names it in `corrects`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from replywire_contracts.event import derived_id
from replywire_contracts.v1.reply import (
    Answer,
    AutoReplyDetected,
    BounceDetected,
    ComplaintDetected,
    ReplyDetected,
)
from replywire_contracts.v1.values import Body, Evidence

from services.reply_matching.domain.answer import kind_of
from services.reply_matching.domain.classification import Class
from services.reply_matching.domain.corrected_fates import fates, named_or_only
from services.reply_matching.domain.judged import Confidence, Tracked
from services.reply_matching.domain.subjects import normal_subject
from services.reply_matching.domain.unsubscribe import asks_to_unsubscribe

MATCHED_BY = "correction"


@dataclass(frozen=True, slots=True)
class Correction:
    """How a reply should have been announced."""

    klass: Class
    request_id: str
    withdrawn: bool = False
    """It answers nothing of the team's."""

    def is_said_by(self, event: Answer) -> bool:
        """True when this was announced so already."""
        said = (event.message_class, event.request_id, event.withdrawn)
        return said == (self.klass.value, self.request_id, self.withdrawn)

    def event_id(self, earlier: Answer) -> str:
        """The same correction of the same event is one event."""
        what = "withdrawn" if self.withdrawn else "said"
        return derived_id("answer.corrected", earlier.id, self.klass.value, self.request_id, what)


@dataclass(frozen=True, slots=True)
class Letter:
    """The answer's words and its place among the answers, for an event that carries them."""

    new_words: Body
    whole_text: Body
    html: Body | None
    number: int
    new: str
    """The new words themselves."""


def wanted(earlier: Answer, klass: str | None, request_id: str | None, none: bool) -> Correction:
    """What is not named stays as it was announced."""
    if none:
        return Correction(Class(earlier.message_class), earlier.request_id, withdrawn=True)
    return Correction(Class(klass or earlier.message_class), request_id or earlier.request_id)


def corrected_event(
    correction: Correction,
    said: Sequence[Answer],
    tracked: Tracked,
    *,
    correlation_id: str,
    metadata: dict[str, Any],
    reason: str,
    letter: Letter,
) -> Answer:
    """`said`: what was announced about this reply, the latest first; `tracked`: the message it answers now."""
    earlier = said[0]
    kind = kind_of(correction.klass)
    sender = earlier.sender.email.lower() if earlier.sender else ""
    facts: dict[str, Any] = {name: getattr(earlier, name) for name in Answer.model_fields}
    facts |= {
        "id": correction.event_id(earlier),
        "occurred_at": datetime.now(UTC),
        "causation_id": earlier.id,
        "corrects": earlier.id,
        "withdrawn": correction.withdrawn,
        "message_class": correction.klass.value,
        "evidence": (*earlier.evidence[-40:], Evidence(rule="corrected_by_a_person", detail=reason[:500])),
        "request_id": tracked.request_id,
        "correlation_id": correlation_id,
        "metadata": metadata,
        "sender_matches": sender in tracked.recipients,
        "subject_changed": normal_subject(earlier.subject) != tracked.subject_key,
        "other_account": tracked.account_id != earlier.account_id,
    }
    if tracked.request_id != earlier.request_id:
        facts |= {"matched_by": MATCHED_BY, "confidence": Confidence.CERTAIN.value}
    alike = next((one for one in said if isinstance(one, kind)), None)
    own = {name: getattr(alike, name) for name in kind.model_fields.keys() - Answer.model_fields.keys() if alike}
    if kind is ReplyDetected:
        own.setdefault("unsubscribe_request", asks_to_unsubscribe(letter.new))
        own |= {
            "reply_number": letter.number,
            "new_text": letter.new_words,
            "text": letter.whole_text,
            "html": letter.html,
        }
    elif kind is AutoReplyDetected:
        own |= {"new_text": letter.new_words}
    elif kind is BounceDetected and alike is None:
        own["recipients"], own["hardness"] = fates(correction.klass, tracked.recipients, letter.new)
    elif kind is ComplaintDetected and alike is None:
        own["recipient"] = next(iter(named_or_only(tracked.recipients, letter.new)), None)
    return kind(**facts, **own)
