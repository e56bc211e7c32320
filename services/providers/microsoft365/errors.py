"""Graph's refusals as instructions. https://learn.microsoft.com/graph/errors: `{"error": {"code", "message"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from services.providers.errors import Permanent, ProviderError, Scope, Transient

_LONGEST_WORDS = 500
_LONGEST_PAUSE = timedelta(hours=1)
_NO_MAILBOX = frozenset({"MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ErrorInvalidMailbox"})


def of_answer(status: int, headers: Mapping[str, str], said: Mapping[str, Any], now: datetime) -> ProviderError:
    """What an answer other than 200 means while a mailbox is being connected."""
    inner = said.get("error")
    error: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
    code, words = str(error.get("code", ""))[:64], str(error.get("message", ""))[:_LONGEST_WORDS]
    told = f"{status} {code}".strip()
    if code in _NO_MAILBOX:
        return Permanent(
            "no_mailbox",
            words=words,
            code=told,
            remedy="This account has no mailbox in Exchange Online: sign in with one that has, or ask for a licence.",
        )
    if status == 401:
        return Permanent("refused_login", words=words, code=told, remedy="Sign in with Microsoft again.")
    if status == 403:
        return Permanent(
            "refused_login",
            words=words,
            code=told,
            remedy="The organisation does not let this app into the mailbox: ask its Microsoft administrator.",
        )
    if status == 429 or status >= 500:
        reason = "login_throttled" if status == 429 else "login_unavailable"
        pause = retry_after(headers.get("retry-after"), now)
        return Transient(reason, words=words, code=told, retry_after=pause, scope=Scope.MAILBOX)
    return Permanent("unexpected_answer", words=words, code=told, remedy="Tell whoever runs this service.")


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Seconds or a date (RFC 9110, 10.2.3), within reason; None where it makes no sense."""
    if text is None:
        return None
    try:
        pause = timedelta(seconds=int(text))
    except (ValueError, OverflowError):
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, IndexError):
            return None
        pause = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(pause, timedelta(0)), _LONGEST_PAUSE)
