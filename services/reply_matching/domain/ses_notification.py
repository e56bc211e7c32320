"""Amazon SES's notifications as they come by mail over SNS: a JSON text instead of a report."""

from __future__ import annotations

import json
from typing import Any

from services.reply_matching.domain.addresses import normal_address
from services.reply_matching.domain.classification import Action, Class, Classification, Hardness, RecipientReport
from services.reply_matching.domain.judged import Confidence, Evidence
from services.reply_matching.domain.mime_reading import Mail
from services.reply_matching.domain.reasons import hardness_of, one_line, reason_of
from services.reply_matching.domain.status_codes import reply_in, status_in

_MAX_JSON = 256 * 1024
_KINDS = {"Bounce": "bounce", "Complaint": "complaint", "Delivery": "delivery"}


def read_notification(mail: Mail) -> Classification | None:
    """The notification's verdict; None when this is none."""
    content = notification_of(mail)
    if content is None:
        return None
    kind = str(content.get("notificationType", content.get("eventType", "")))
    evidence = (Evidence("ses_notification", kind),)
    said = content.get(_KINDS[kind])
    told = said if isinstance(said, dict) else {}
    if kind == "Complaint":
        who = tuple(RecipientReport(one, Action.DELIVERED) for one in _addresses(told.get("complainedRecipients")))
        reason = str(told.get("complaintFeedbackType") or "abuse")[:64]
        return Classification(Class.COMPLAINT, Confidence.CERTAIN, evidence, recipients=who, reason=reason)
    if kind == "Delivery":
        who = tuple(RecipientReport(one, Action.DELIVERED) for one in _addresses(told.get("recipients")))
        return Classification(Class.AUTO_REPLY, Confidence.CERTAIN, evidence, recipients=who)
    reports = tuple(_bounced(one) for one in _list(told.get("bouncedRecipients")) if isinstance(one, dict))
    hard = bool(reports) and all(one.hardness is Hardness.HARD for one in reports)
    hardness = Hardness.HARD if hard else Hardness.SOFT
    first = reports[0] if reports else None
    return Classification(
        Class.BOUNCE,
        Confidence.CERTAIN,
        evidence,
        hardness,
        reports,
        reason=first.reason if first else "undefined",
        words=first.words if first else "",
    )


def notification_of(mail: Mail) -> dict[str, Any] | None:
    """The JSON object of an SES notification in the message's text."""
    part = next(mail.text_parts, None)
    if part is None:
        return None
    text = part.text(_MAX_JSON).lstrip()
    if not text.startswith("{") or '"mail"' not in text:
        return None
    text = text.replace("!\n ", "").replace("\n", "")  # long lines are broken on the way, some with a mark
    try:
        content, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    kind = content.get("notificationType", content.get("eventType")) if isinstance(content, dict) else None
    return content if kind in _KINDS else None


def _bounced(recipient: dict[str, Any]) -> RecipientReport:
    words = str(recipient.get("diagnosticCode") or "")
    words = words.partition(";")[2] or words
    status = status_in(str(recipient.get("status") or "")) or status_in(words)
    reply = reply_in(words)
    reason = reason_of(words, status, reply)
    address = normal_address(str(recipient.get("emailAddress") or ""))
    return RecipientReport(address, Action.FAILED, status, reason, hardness_of(reason, status, reply), one_line(words))


def _list(value: Any) -> list[Any]:
    return value[:200] if isinstance(value, list) else []


def _addresses(value: Any) -> list[str]:
    found = [one.get("emailAddress") if isinstance(one, dict) else one for one in _list(value)]
    return [normal_address(one) for one in found if isinstance(one, str) and "@" in one]
