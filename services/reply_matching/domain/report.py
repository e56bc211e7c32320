"""Which message a report is about: the names of the original that a bounce or complaint carries inside."""

from __future__ import annotations

from dataclasses import dataclass

from services.reply_matching.domain.headers import message_ids, parse_block
from services.reply_matching.domain.judged import Candidates
from services.reply_matching.domain.keys import marker_key, message_id_keys, subject_key
from services.reply_matching.domain.mime_reading import Mail, read_mail


@dataclass(frozen=True, slots=True)
class EmbeddedIds:
    """The original's names, each tuple without repetition."""

    message_ids: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    subject: str = ""
    recipients: tuple[str, ...] = ()


def embedded_ids(raw: bytes | Mail) -> EmbeddedIds:
    """Read the identities of the original out of a report."""
    mail = read_mail(raw) if isinstance(raw, bytes) else raw
    part = mail.first("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
    if part is None:
        return EmbeddedIds()
    headers = parse_block(part.content(64 * 1024))
    marker = headers.text(b"x-replywire-id")
    return EmbeddedIds(message_ids(headers.raw(b"message-id")), (marker,) if marker else (), headers.text(b"subject"))


def look_inside(found_for: Candidates, raw: bytes | Mail) -> Candidates:
    """The candidates of a report once its parts were fetched: judge them again with what they find."""
    inside = embedded_ids(raw)
    message = found_for.message
    found_for.embedded = message_id_keys(message.team_id, inside.message_ids) + tuple(
        marker_key(message.team_id, marker) for marker in inside.markers
    )
    found_for.embedded_subject = tuple(
        subject_key(message.team_id, message.account_id, inside.subject, to) for to in inside.recipients
    )
    found_for.report_like = False
    return found_for
