"""Which message a report is about: the names of the original that a bounce or complaint carries inside.

A report can be forged, and many come for mail that others sent in our users' names: it counts only when a name it
carries is one of ours, and a report that carries none is at most probable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from services.reply_matching.domain.addresses import addresses_of, normal_address
from services.reply_matching.domain.arf import read_complaint
from services.reply_matching.domain.bounce import read_bounce
from services.reply_matching.domain.dsn import status_blocks
from services.reply_matching.domain.headers import Headers, message_ids, parse_block
from services.reply_matching.domain.judged import Candidates
from services.reply_matching.domain.keys import marker_key, message_id_keys, subject_key
from services.reply_matching.domain.mime_reading import Mail, read_mail
from services.reply_matching.domain.notice import EMBEDDED_TYPES, headers_of_part, read_notice
from services.reply_matching.domain.quote_phrases import LABEL
from services.reply_matching.domain.ses_notification import notification_of
from services.reply_matching.domain.subjects import normal_subject

MAX_EMBEDDED = 5
MAX_NAMES = 20
_MENTIONED = re.compile(
    rb"^[>\s]{0,20}(?:[a-z-]{0,30}original-)?message-id:\s{0,10}(<[^<>\s]{3,500}>)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class EmbeddedIds:
    """The original's names, each tuple without repetition."""

    message_ids: tuple[str, ...] = ()
    """Normal, as `headers.message_ids` gives them."""
    markers: tuple[str, ...] = ()
    """Values of our own X-Replywire-Id, and envelope ids, which may carry it (RFC 3461)."""
    subject: str = ""
    recipients: tuple[str, ...] = ()
    """Whom the report is about, for a report that names no message."""


def embedded_ids(raw: bytes | Mail) -> EmbeddedIds:
    """Read the identities of the original out of a report: of its parts, of its words, of the fields made for it."""
    mail = read_mail(raw) if isinstance(raw, bytes) else raw
    originals, fields = _originals(mail), [mail.headers, *status_blocks(mail)]
    receipt = mail.first("message/disposition-notification", "message/feedback-report")
    if receipt is not None:
        fields.append(parse_block(receipt.content(64 * 1024).lstrip()))
    ids: dict[str, None] = {}
    markers: dict[str, None] = {}
    subject = ""
    for original in originals:
        ids |= dict.fromkeys(message_ids(original.raw(b"message-id")))
        markers |= dict.fromkeys(_decoded(original.values(b"x-replywire-id")))
        subject = subject or original.text(b"subject")
    for block in (*fields, *originals):
        for name in block.names():
            if name.endswith(b"original-message-id"):
                ids |= dict.fromkeys(message_ids(block.raw(name)))
        markers |= dict.fromkeys(_decoded(block.values(b"original-envelope-id")))
    if not ids:
        for part in mail.parts[:5]:
            for found in _MENTIONED.findall(part.content(64 * 1024))[:MAX_EMBEDDED]:
                ids |= dict.fromkeys(message_ids(found))
    return EmbeddedIds(
        tuple(ids)[:MAX_NAMES],
        tuple(markers)[:MAX_NAMES],
        subject or _mentioned_subject(read_notice(mail).text) or mail.headers.text(b"subject"),
        _recipients(mail, originals),
    )


def look_inside(found_for: Candidates, raw: bytes | Mail) -> Candidates:
    """The candidates of a report once its parts were fetched: judge them again with what they find."""
    inside = embedded_ids(raw)
    message = found_for.message
    about = normal_subject(inside.subject)
    return replace(
        found_for,
        embedded=message_id_keys(message.team_id, inside.message_ids)
        + tuple(marker_key(message.team_id, marker) for marker in inside.markers),
        embedded_subject=tuple(
            subject_key(message.team_id, message.account_id, about, to) for to in inside.recipients if about
        ),
        looked_inside=True,
    )


def _originals(mail: Mail, depth: int = 0) -> list[Headers]:
    """The headers of every message in the report, those of a report in the report with them."""
    found: list[Headers] = []
    for part in [part for part in mail.parts if part.type.name in EMBEDDED_TYPES][:MAX_EMBEDDED]:
        headers = headers_of_part(part)
        found.append(headers)
        if not depth and b"multipart/report" in headers.raw(b"content-type")[:100].lower():
            found.extend(_originals(read_mail(part.content()), depth + 1))
    if not found:
        copied = read_notice(mail).original
        if copied is not None:
            found.append(copied)
    notification = notification_of(mail)
    if notification is not None:
        found.append(_of_notification(notification))
    return found


def _of_notification(notification: dict[str, Any]) -> Headers:
    """The original's headers as SES lists them in JSON, and the id that SES gave it on the wire."""
    about = notification.get("mail")
    if not isinstance(about, dict):
        return Headers({})
    lines = [
        f"{one.get('name')}: {one.get('value')}".replace("\n", " ")
        for one in about.get("headers") or []
        if isinstance(one, dict)
    ]
    wire = str(about.get("messageId", ""))[:200]
    if wire:
        region = str(about.get("sourceArn", "")).split(":")[3:4]
        hosts = ["email", *(region if region and region[0] else [])]
        lines.append("X-Original-Message-ID: " + " ".join(f"<{wire}@{host}.amazonses.com>" for host in hosts))
    return parse_block("\n".join(lines[:200]).encode("utf-8", "replace"))


def _mentioned_subject(notice: str) -> str:
    """`Subject: …` among the words of a report that carries no original."""
    for line in notice.split("\n")[:100]:
        label = LABEL.match(line[:200].lower())
        if label and label.lastgroup == "subject":
            return line[label.end() :].strip().strip("'")[:998]
    return ""


def _recipients(mail: Mail, originals: list[Headers]) -> tuple[str, ...]:
    bounce = read_bounce(mail)
    if bounce is not None:
        found = [address for one in bounce.recipients for address in (one.address, one.original_address)]
    else:
        complaint = read_complaint(mail)
        found = list(complaint.recipients) if complaint is not None else []
    if not any(found):
        found = [address for original in originals for address in addresses_of(original.raw(b"to"))]
    return tuple(dict.fromkeys(normal_address(address) for address in found if "@" in address))[:MAX_NAMES]


def _decoded(values: list[bytes]) -> list[str]:
    return [value.decode("utf-8", "replace").strip() for value in values if value.strip()]
