"""Do these headers look like a report on somebody's message (a bounce, a complaint)? Asked of every unmatched message
of every mailbox, and only a yes lets its report parts be fetched: so the signs must be strong, and cheap."""

from __future__ import annotations

import re

from services.reply_matching.domain.bounce_signs import SUBJECT, null_path
from services.reply_matching.domain.headers import Headers

_REPORT_TYPES = re.compile(rb"multipart/report|delivery-status|feedback-report")
_DAEMON = re.compile(rb"mailer[-_. ]?daemon|mdaemon@|microsoftexchange329e71ec88ae4615bbc36ab6ce41109e", re.IGNORECASE)
_ROBOT = re.compile(
    rb"post[-_]?master|mail[-_. ]?deliver|delivery[-_. ](?:sub)?system|mail[-_. ]system|system administrator|\bndr@|"
    rb"system attendant|bounce|undeliver|complaints@|abuse@|feedback@|fbl@|arf@|staff@|internet mail|"
    rb"mail administrator|"
    rb"smtp(?:32)?(?:gw| gateway| agent)",
    re.IGNORECASE,
)
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
    if content_type and _REPORT_TYPES.search(content_type):
        return b"disposition-notification" not in content_type
    for name in _REPORT_FIELDS:
        if name in headers:
            return True
    sender = headers.raw(b"from")[:300]
    if _DAEMON.search(sender):
        return True
    answers = b"in-reply-to" in headers or b"references" in headers
    if not answers and _REPORT_SUBJECT.match(headers.raw(b"subject")[:100]):
        return True
    nobody = b"return-path" in headers and null_path(headers)
    if nobody and content_type.startswith((b"multipart/mixed", b"message/")):
        return True
    if nobody or b"auto-submitted" in headers or _ROBOT.search(sender):
        return SUBJECT.search(headers.text(b"subject")[:300].lower()) is not None
    return False


_REPORT_FIELDS = (b"x-failed-recipients", b"x-hmxmroriginalrecipient", b"x-original-message-id")
