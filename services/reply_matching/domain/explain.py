"""Why a message was judged as it was: the same judgement as the services make, with everything it saw, as plain
data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from services.reply_matching.domain.classification import Classification
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import JudgedMessage, Tracked, Verdict, VerdictKind
from services.reply_matching.domain.keys import registration_keys
from services.reply_matching.domain.mime_reading import read_mail
from services.reply_matching.domain.reply_text import ReplyText, new_text
from services.reply_matching.domain.report import EmbeddedIds, embedded_ids, look_inside

_SOMEBODY = "explained"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that is known of one message."""

    classification: Classification
    verdict: Verdict | None
    """None when nothing tracked was given to compare with."""
    looked_inside: bool
    embedded: EmbeddedIds
    reply: ReplyText


def explain(
    raw: bytes,
    tracked: Sequence[Tracked] = (),
    own_addresses: Set[str] = frozenset(),
    received_at: datetime | None = None,
) -> Explanation:
    """Judge and classify one whole message against the given tracked ones."""
    mail = read_mail(raw)
    team = tracked[0].team_id if tracked else _SOMEBODY
    account = tracked[0].account_id if tracked else _SOMEBODY
    when = received_at or (max(one.sent_at for one in tracked) if tracked else datetime.now(UTC))
    found_for = candidates(JudgedMessage(account, team, None, raw, when))
    found = _known(tracked)
    verdict = judge(found_for, found, own_addresses)
    looked_inside = verdict.kind is VerdictKind.LOOK_INSIDE
    if looked_inside:
        verdict = judge(look_inside(found_for, mail), found, own_addresses)
    text = next((part.text() for part in mail.text_parts if part.type.name == "text/plain"), None)
    html = next((part.text() for part in mail.text_parts if part.type.name == "text/html"), None)
    return Explanation(
        classify(mail), verdict if tracked else None, looked_inside, embedded_ids(mail), new_text(text, html)
    )


def _known(tracked: Sequence[Tracked]) -> Mapping[bytes, Sequence[Tracked]]:
    found: dict[bytes, list[Tracked]] = {}
    for one in tracked:
        for key in registration_keys(
            one.team_id,
            one.account_id,
            message_ids=one.message_ids,
            subject=one.subject_key,
            recipients=one.recipients,
        ):
            found.setdefault(key, []).append(one)
    return found
