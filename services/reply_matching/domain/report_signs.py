"""Do these headers look like a report on somebody's message (a bounce, a complaint)? Asked of every unmatched message
of every mailbox, and only a yes lets its report parts be fetched: so the signs must be strong, and cheap."""

from __future__ import annotations

import re

from services.reply_matching.domain.bounce_signs import SUBJECT, null_path
from services.reply_matching.domain.headers import Headers

_REPORT_SUBJECTS = (
    "complaint about message from", "email abuse report", "e-mail abuse report", "email feedback report",
    "abuse report",
    "undeliver", "mail delivery fail", "mail delivery status", "delivery status notif", "returned mail",
    "failure notice",
    "amazon ses ",  # its notices over SNS: no report by type, and from an address that sends other news too
    "delivery fail", "delivery has fail", "mail could not be delivered", "non-deliver", "nondeliver",
)  # fmt: skip


def looks_like_report(headers: Headers) -> bool:
    """True when the message is a report by type, by a field only reports carry, by a mail system's name, or by two
    weaker signs together."""
    field = headers.fields.get
    content_type = field(b"content-type", b"")[:200].decode("latin-1").lower()
    if ("report" in content_type or "delivery-status" in content_type) and _REPORT_TYPE.search(content_type):
        return "disposition-notification" not in content_type
    if headers.has_any(_REPORT_FIELDS):
        return True
    sender = field(b"from", b"")[:300].decode("latin-1").lower()
    if "daemon" in sender or _EXCHANGE in sender:
        return True
    subject = field(b"subject", b"")[:60].decode("latin-1").lower()
    if subject.startswith(_REPORT_SUBJECTS) and not headers.has_any(_ANSWERING):
        return True
    nobody = null_path(headers)
    submitted = field(b"auto-submitted") is not None
    if (nobody or submitted) and b"x-original-message-id" in headers:
        return True
    if nobody and content_type.startswith(("multipart/mixed", "message/")):
        return True
    if nobody or submitted or _is_robot(sender):
        return SUBJECT.search(headers.text(b"subject")[:300].lower()) is not None
    return False


def _is_robot(sender: str) -> bool:
    # Not a pattern and not a loop: this is asked of every message, and a chain of `in` takes a sixth of the time.
    return (
        "postmaster" in sender
        or "post_master" in sender
        or "post-master" in sender
        or "deliver" in sender
        or "mail system" in sender
        or "system a" in sender  # administrator, attendant
        or "bounce" in sender
        or "complaints@" in sender
        or "abuse@" in sender
        or "feedback@" in sender
        or "fbl@" in sender
        or "arf@" in sender
        or "ndr@" in sender
        or "staff@" in sender
        or "internet mail" in sender
        or "mail administrator" in sender
        or "smtp" in sender
    )


_EXCHANGE = "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"
_REPORT_TYPE = re.compile(r"/report|report-type|feedback-report|delivery-status")  # not a boundary or a file's name
_REPORT_FIELDS = frozenset({b"x-failed-recipients", b"x-hmxmroriginalrecipient"})
_ANSWERING = frozenset({b"in-reply-to", b"references"})
