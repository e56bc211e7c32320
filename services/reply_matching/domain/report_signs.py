"""Do these headers look like a report on somebody's message (a bounce, a complaint)? Asked of every unmatched message,
and only a yes lets its report parts be fetched: so the signs must be strong, and cheap."""

from __future__ import annotations

import re

from services.reply_matching.domain.headers import Headers

_REPORT_TYPES = (b"multipart/report", b"delivery-status", b"feedback-report", b"message/rfc822")
_ROBOT = re.compile(
    rb"mailer[-_. ]?daemon|postmaster|mail delivery|delivery (?:sub)?system|mail system|mailerdaemon|"
    rb"microsoftexchange329e71ec88ae4615bbc36ab6ce41109e|system administrator|system attendant|bounce|undeliver|"
    rb"complaints@|abuse@|feedback@|fbl@|arf@|staff@hotmail|mdaemon|internet mail|mail administrator|"
    rb"smtp(?:32)?(?:gw| gateway| agent)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    rb"undeliver|undelivr|failure notice|returned mail|return(?:ed)? to sender|delivery (?:status|failure|failed|error|"
    rb"report|problem|notification|delayed|incomplete)|mail delivery|delivery has failed|could not be delivered|"
    rb"not delivered|"
    rb"failure delivery|message status|permanent fail|mail(?:box)? (?:failure|error|unavailable)|non[- ]?deliver|"
    rb"nondeliverable|abuse report|email feedback report|complaint about|unzustellbar|bounce",
    re.IGNORECASE,
)


def looks_like_report(headers: Headers) -> bool:
    """True when the message is a report by type, by a field only reports carry, or by two weaker signs together."""
    content_type = headers.raw(b"content-type")
    if content_type:
        lowered = content_type[:200].lower()
        if any(kind in lowered for kind in _REPORT_TYPES):
            return not lowered.startswith(b"multipart/report") or b"disposition-notification" not in lowered
    if b"x-failed-recipients" in headers or b"x-hmxmroriginalrecipient" in headers:
        return True
    if b"x-original-message-id" in headers:
        return True
    robot = _ROBOT.search(headers.raw(b"from")[:300]) is not None
    if robot:
        return headers.raw(b"return-path") in (b"<>", b"") or _SUBJECT.search(headers.raw(b"subject")[:300]) is not None
    if headers.raw(b"return-path") == b"<>" or b"auto-submitted" in headers:
        return _SUBJECT.search(headers.raw(b"subject")[:300]) is not None
    return False
