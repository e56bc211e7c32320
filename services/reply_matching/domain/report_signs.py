"""Do these headers look like a report on somebody's message (a bounce, a complaint)? Asked of every unmatched message
of every mailbox, and only a yes lets its report parts be fetched: so the signs must be strong, and cheap."""

from __future__ import annotations

import re

from services.reply_matching.domain.bounce_signs import SUBJECT, null_path
from services.reply_matching.domain.headers import Headers

_REPORT_SUBJECT = re.compile(
    rb"complaint about message from|e-?mail (?:abuse|feedback) report|abuse report|undeliver|mail delivery (?:fail|"
    rb"status)|"
    rb"delivery status notif|returned mail|failure notice|delivery (?:has )?fail|mail could not be delivered|"
    rb"non-?deliver",
    re.IGNORECASE,
)


def looks_like_report(headers: Headers) -> bool:
    """True when the message is a report by type, by a field only reports carry, by a mail system's name, or by two
    weaker signs together."""
    content_type = headers.raw(b"content-type")[:200].lower()
    if b"report" in content_type or b"delivery-status" in content_type:
        return b"disposition-notification" not in content_type
    if headers.has_any(_REPORT_FIELDS):
        return True
    sender = headers.raw(b"from")[:300].lower()
    if b"daemon" in sender or _EXCHANGE in sender:
        return True
    answers = b"in-reply-to" in headers or b"references" in headers
    if not answers and _REPORT_SUBJECT.match(headers.raw(b"subject")[:100]):
        return True
    nobody = null_path(headers)
    if b"x-original-message-id" in headers and (nobody or b"auto-submitted" in headers):
        return True
    if nobody and content_type.startswith((b"multipart/mixed", b"message/")):
        return True
    if nobody or b"auto-submitted" in headers or _is_robot(sender):
        return SUBJECT.search(headers.text(b"subject")[:300].lower()) is not None
    return False


def _is_robot(sender: bytes) -> bool:
    # Not a pattern and not a loop: this is asked of every message, and a chain of `in` takes a sixth of the time.
    return (
        b"postmaster" in sender
        or b"post_master" in sender
        or b"post-master" in sender
        or b"deliver" in sender
        or b"mail system" in sender
        or b"system a" in sender  # administrator, attendant
        or b"bounce" in sender
        or b"complaints@" in sender
        or b"abuse@" in sender
        or b"feedback@" in sender
        or b"fbl@" in sender
        or b"arf@" in sender
        or b"ndr@" in sender
        or b"staff@" in sender
        or b"internet mail" in sender
        or b"mail administrator" in sender
        or b"smtp" in sender
    )


_EXCHANGE = b"microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"
_REPORT_FIELDS = frozenset({b"x-failed-recipients", b"x-hmxmroriginalrecipient"})
