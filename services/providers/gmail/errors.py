"""What Google's refusals ask of us where they mean something else than the same words from another server.

"Resolve SMTP errors" and "Fix IMAP, POP & SMTP problems" in Google's help name the texts.
"""

from __future__ import annotations

import re
from datetime import timedelta

from services.providers.errors import Permanent, ProviderError, ReauthRequired, Scope, Transient

_SIGN_IN = "Sign in with Google again to reconnect this mailbox."
_IMAP_OFF = re.compile(
    r"not enabled for IMAP|IMAP access is disabled|IMAP is disabled|disabled for your (?:domain|account)", re.IGNORECASE
)
_ASK_ADMIN = "Switch IMAP on for this mailbox: its Google Workspace administrator decides whether it may be used."
_BROWSER_FIRST = re.compile(r"log ?in via your web browser|web ?login required", re.IGNORECASE)
_TOO_MANY_LOGINS = re.compile(r"too many login attempts", re.IGNORECASE)
_ADDRESS_OF_OURS = re.compile(r"\bIP address\b", re.IGNORECASE)
# "your daily limit ... resets within 24 hours": it is a window that slides, so some of it comes back every hour.
_DAILY_PAUSE = timedelta(hours=1)
_RATE_PAUSE = timedelta(minutes=10)
_LOGIN_PAUSE = timedelta(minutes=15)
_BANDWIDTH = re.compile(r"exceeded command or bandwidth|bandwidth limits|OVERQUOTA", re.IGNORECASE)


def of_sending(error: ProviderError, *, logged_in: bool) -> ProviderError:
    """`logged_in`: Google knew whose message it was, so what it said is about this mailbox and not about all of them:
    smtp.gmail.com is one host for everybody."""
    if isinstance(error, Transient):
        if error.reason == "quota_reached":
            return _paused(error, "quota_reached", _DAILY_PAUSE)
        # "454 4.7.0 Cannot authenticate due to a temporary system problem" is the same code and passes sooner.
        if error.reason == "login_unavailable" and _TOO_MANY_LOGINS.search(error.words):
            return _paused(error, "login_throttled", _LOGIN_PAUSE)
        if logged_in and error.scope is Scope.HOST and not _ADDRESS_OF_OURS.search(error.words):
            rate = error.code.startswith("421 4.7.")
            return _paused(error, "rate_limited" if rate else "mailbox_unavailable", _RATE_PAUSE if rate else None)
        return error
    return _signed_in_again(error)


def of_reading(error: ProviderError) -> ProviderError:
    if isinstance(error, Transient):
        return _paused(error, "bandwidth_reached", _DAILY_PAUSE) if _BANDWIDTH.search(_said(error)) else error
    return _signed_in_again(error)


def of_connecting(error: ProviderError) -> ProviderError:
    if isinstance(error, Permanent) and error.reason == "refused_login":
        return Permanent(error.reason, words=error.words, code=error.code, remedy=_remedy(error))
    return error


def _signed_in_again(error: ProviderError) -> ProviderError:
    """No password of Google's is known here that could be checked."""
    if isinstance(error, ReauthRequired):
        return ReauthRequired(error.reason, words=error.words, code=error.code, remedy=_remedy(error))
    return error


def _remedy(error: ProviderError) -> str:
    if _IMAP_OFF.search(error.words):
        return _ASK_ADMIN
    if _BROWSER_FIRST.search(error.words):
        return "Open this mailbox once in a web browser, answer what Google asks there, then sign in with Google again."
    return _SIGN_IN


def _paused(error: Transient, reason: str, pause: timedelta | None) -> Transient:
    return Transient(
        reason,
        words=error.words,
        code=error.code,
        remedy=error.remedy,
        retry_after=max(filter(None, (error.retry_after, pause)), default=None),
        scope=Scope.MAILBOX,
    )


def _said(error: ProviderError) -> str:
    return f"{error.code} {error.words}"
