"""What an Exchange server's refusals mean, as the instructions of `providers.errors`: the only place that maps them.

exchangelib names its classes after EWS's own ResponseCodes, and raises some of them over the exception that says what
happened: so those are looked for beneath. It puts headers and whole answers into some texts: so words are taken only
where they are the server's own `MessageText`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

import requests
from exchangelib import errors as ews
from urllib3.exceptions import NewConnectionError

from services.providers.errors import Permanent, ProviderError, Scope, Transient
from services.providers.ews.wire import HttpRefused, TooLarge

_LONGEST_WORDS = 300
_LONGEST_PAUSE = timedelta(hours=1)
_CROWDED = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"})
_LATER = frozenset(
    {
        "ErrorInternalServerError",
        "ErrorInternalServerTransientError",
        "ErrorMailboxMoveInProgress",
        "ErrorMailboxFailover",
        "ErrorMailboxStoreUnavailable",
        "ErrorADUnavailable",
        "ErrorADOperation",
        "ErrorConnectionFailed",
        "ErrorInsufficientResources",
    }
)
_NO_LOGIN = frozenset({"ErrorAccountDisabled", "ErrorPasswordExpired", "ErrorPasswordChangeRequired"})
NO_MAILBOX = frozenset({"ErrorNonExistentMailbox", "ErrorMissingEmailAddress", "ErrorInvalidSmtpAddress"})
NO_ACCESS = frozenset({"ErrorAccessDenied", "ErrorCreateItemAccessDenied", "ErrorItemNotFound", "ErrorFolderNotFound"})
_FULL = frozenset({"ErrorQuotaExceeded"})
_NOT_EWS = "Ask whoever runs the server for the address of its EWS service; it often ends in /EWS/Exchange.asmx."


def mapped(error: Exception, where: str) -> ProviderError:
    """`where` names the server: `EWS server mail.example.com:443`."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, HttpRefused):
        return of_status(error, where)
    code = code_of(error)
    if not code or code == "ErrorTimeoutExpired":
        return _beneath(error, where) or (lost(where) if code else not_ews(where))
    said = f"The {where} said: {code} {_words(error)}".strip()
    if code in _CROWDED:
        return busy(said, code, getattr(error, "back_off", None))
    if code in _LATER:
        return _later("login_unavailable", said, code)
    if code in _NO_LOGIN:
        return Permanent("refused_login", words=said, code=code, remedy="Set the password anew, then try again.")
    if code in NO_MAILBOX:
        remedy = "This login has no mailbox on this server: check the user name and the server."
        return Permanent("no_mailbox", words=said, code=code, remedy=remedy)
    if code in NO_ACCESS:
        remedy = "Ask whoever runs the server to let this login use EWS and its own mailbox."
        return Permanent("no_access", words=said, code=code, remedy=remedy)
    if code in _FULL:
        return Permanent("mailbox_full", words=said, code=code, remedy="Make room in the mailbox.")
    return Permanent("unexpected_answer", words=said, code=code, remedy=_NOT_EWS)


def code_of(error: Exception) -> str:
    """EWS's own ResponseCode; empty where it was not EWS that spoke."""
    return type(error).__name__ if isinstance(error, ews.ResponseMessageError) else ""


def of_status(refused: HttpRefused, where: str) -> ProviderError:
    """What HTTP says instead of EWS."""
    status, words = refused.status, f"The {where} said: HTTP {refused.status}"
    if status == HTTPStatus.UNAUTHORIZED:
        return Permanent(
            "refused_login",
            words=words,
            code="401",
            remedy="Check the password. The user name may have to be written as DOMAIN\\name instead of the address.",
        )
    if 300 <= status < 400:
        shown = "".join(character for character in refused.location[:200] if character.isprintable())
        return Permanent(
            "redirected",
            words=f"The {where} said: go to {shown}",
            code=str(status),
            remedy="If you know that address to be your organisation's, give it as the server. Nothing was sent there.",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return busy(words, str(status), refused.retry_after)
    if status >= 500:
        pause = _pause(refused.retry_after)
        return Transient("login_unavailable", words=words, code=str(status), retry_after=pause, scope=Scope.MAILBOX)
    return Permanent("unexpected_answer", words=words, code=str(status), remedy=_NOT_EWS)


def busy(words: str, code: str, seconds: object) -> Transient:
    return Transient("login_throttled", words=words, code=code, retry_after=_pause(seconds), scope=Scope.MAILBOX)


def not_ews(where: str) -> Permanent:
    return Permanent("unexpected_answer", words=f"The {where} answered in no EWS.", remedy=_NOT_EWS)


def no_password_login(where: str, offered: str) -> Permanent:
    return Permanent(
        "no_password_login",
        words=f"The {where} said: {offered or 'no way to log in'}",
        remedy="Ask whoever runs the server to allow NTLM or Basic logins for EWS.",
    )


def other_mailbox(where: str, address: str) -> Permanent:
    return Permanent(
        "other_mailbox",
        words=f"The {where} let this login in, but the mailbox of {address} is not its own.",
        remedy=f"Log in with the user name of {address}, or give the address of the mailbox that this login opens.",
    )


def timed_out(where: str) -> Transient:
    return _later("timeout", f"The {where} did not answer in time.")


def lost(where: str) -> Transient:
    return _later("connection_lost", f"The {where} ended the connection.")


def _beneath(error: BaseException, where: str) -> ProviderError | None:
    """What the connection itself said, wherever it lies under the library's exception."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Transient(
                "untrusted_certificate",
                words=f"The {where} failed: {cause.verify_message}",
                remedy="The server's certificate must be valid for its host name and come from a trusted authority.",
                scope=Scope.HOST,
            )
        if isinstance(cause, NewConnectionError):
            return Transient(
                "host_unavailable",
                words=f"The {where} does not answer.",
                remedy="Check that the server is up and that the host's name and port are right.",
                scope=Scope.HOST,
            )
        if isinstance(cause, TooLarge):
            return not_ews(where)
    # A silence, a broken TLS record and an end are all ends: the one that says most goes first.
    if any(isinstance(cause, TimeoutError | requests.exceptions.Timeout) for cause in causes):
        return timed_out(where)
    if any(isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError) for cause in causes):
        return _later("tls_failed", f"The {where} failed: no TLS could be agreed on.")
    if any(isinstance(cause, ConnectionError | requests.exceptions.RequestException) for cause in causes):
        return lost(where)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all beneath it: what it was raised from or amid, and what requests keeps in `args`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


def _later(reason: str, words: str, code: str = "") -> Transient:
    return Transient(reason, words=words, code=code, scope=Scope.MAILBOX)


def _pause(seconds: object) -> timedelta | None:
    """Within reason; None where it makes no sense. A date is for machines that trust the server's clock."""
    try:
        asked = timedelta(seconds=float(str(seconds)))
    except (ValueError, OverflowError):
        return None
    return min(max(asked, timedelta(seconds=1)), _LONGEST_PAUSE)


def _words(error: Exception) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in str(error)[:_LONGEST_WORDS]).split())
