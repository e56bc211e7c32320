"""What went wrong on an IMAP connection, as the instructions of `providers.errors`: the only place that maps them."""

from __future__ import annotations

import re
import ssl
from datetime import timedelta

from services.providers.errors import Permanent, ProviderError, ReauthRequired, Scope, Transient

_CODE = re.compile(r"\[([A-Za-z-]+)(?: [^\]]*)?\]")
# RFC 5530: codes that say the server, and not the password, is at fault.
_LATER_CODES = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA", "CONTACTADMIN"})
_REFUSED_CODES = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"})
# Servers without RFC 5530 say it in words: Gmail "Too many simultaneous connections", Exchange "User is authenticated
# but not connected", Courier "Maximum number of connections", Yahoo "Server error - Please try again later".
_LATER_WORDS = re.compile(
    r"too many|try (?:again|later)|temporar|unavailable|simultaneous|maximum number|rate.?limit|throttl|exceeded"
    r"|server error|internal error|busy|not connected|overload|timed? ?out",
    re.IGNORECASE,
)
_CROWDED = re.compile(r"too many|simultaneous|maximum number|throttl|rate.?limit", re.IGNORECASE)
_EXPIRED_TOKEN = re.compile(r"AccessTokenExpired|token (?:is |has )?expired", re.IGNORECASE)
_PAUSE_WHEN_CROWDED = timedelta(minutes=2)


class Refused(Exception):
    """A tagged NO or BAD. `code` is the response code in capitals (`EXPUNGEISSUED`), or empty."""

    def __init__(self, command: str, result: str, text: bytes) -> None:
        self.command = command
        self.result = result
        self.words = words_of(text)
        found = _CODE.match(self.words)
        self.code = found[1].upper() if found else ""
        super().__init__(f"{command}: {result} {self.words}")


def words_of(text: bytes) -> str:
    """The server's own words, in one printable line of at most 300 characters."""
    decoded = text.decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in decoded[:300]).strip()


def refused_login(refusal: Refused) -> ProviderError:
    """Told apart with care: an account that is stopped waits for a person, one that is retried only for the server."""
    code = f"IMAP {refusal.result} {refusal.code}".strip()
    doubtful = refusal.result == "BAD" or refusal.code in _LATER_CODES or bool(_LATER_WORDS.search(refusal.words))
    if refusal.code in _REFUSED_CODES or not doubtful:
        return ReauthRequired(
            "refused_login",
            words=refusal.words,
            code=code,
            remedy="Check the IMAP user name and password; some providers want an app password or IMAP switched on.",
        )
    crowded = refusal.code in {"LIMIT", "INUSE"} or bool(_CROWDED.search(refusal.words))
    return Transient(
        "login_unavailable",
        words=refusal.words,
        code=code,
        retry_after=_PAUSE_WHEN_CROWDED if crowded else None,
        scope=Scope.MAILBOX,
    )


def refused_command(refusal: Refused) -> Transient:
    """A command that should have worked: the mailbox is asked again later."""
    return Transient(
        "imap_refused",
        words=f"{refusal.command}: {refusal.words}",
        code=f"IMAP {refusal.result} {refusal.code}".strip(),
        scope=Scope.MAILBOX,
    )


def refused_folder(refusal: Refused, folder_id: str) -> Transient | Permanent:
    """A folder that cannot be opened or asked for. One that was deleted or closed to us stops nobody from reading the
    others; INBOX always exists, so that there it is the server's trouble."""
    later = refusal.result == "BAD" or refusal.code in _LATER_CODES or bool(_LATER_WORDS.search(refusal.words))
    if later or folder_id.upper() == "INBOX":
        return refused_command(refusal)
    return Permanent(
        "folder_unreadable",
        words=refusal.words,
        code=f"IMAP {refusal.result} {refusal.code}".strip(),
        remedy="The folder was deleted or may not be read: choose another one, or restore it.",
    )


def farewell(text: bytes) -> Transient:
    """The server's BYE. An expired token in mid-session asks for a fresh one, not for the person."""
    words = words_of(text)
    if _EXPIRED_TOKEN.search(words):
        return Transient("token_expired", words=words, code="IMAP BYE", scope=Scope.MAILBOX)
    crowded = bool(_CROWDED.search(words))
    return Transient(
        "server_said_bye",
        words=words,
        code="IMAP BYE",
        retry_after=_PAUSE_WHEN_CROWDED if crowded else None,
        scope=Scope.MAILBOX,
    )


def connection_lost(cause: BaseException | None = None) -> Transient:
    words = (
        f"the connection ended ({type(cause).__name__})" if cause is not None else "the server closed the connection"
    )
    return Transient("connection_lost", words=words, scope=Scope.MAILBOX)


def misbehaved(what: str) -> Transient:
    """The server broke the protocol or our bounds; the connection was dropped. It is retried, but not soon."""
    return Transient("imap_protocol", words=what, retry_after=timedelta(minutes=5), scope=Scope.MAILBOX)


def silent(command: str, seconds: float) -> Transient:
    return Transient("timeout", words=f"no answer to {command} within {seconds:g} s", scope=Scope.MAILBOX)


def out_of_time(command: str) -> Transient:
    """The server let us go on too late: what was known when the command was begun may hold no more."""
    return Transient("timeout", words=f"{command} could not go on in its time", scope=Scope.MAILBOX)


def failed_tls(cause: ssl.SSLError | OSError, host: str) -> Transient:
    """A certificate that does not verify is mostly renewed within a day: the account waits, nothing is sent bare."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Transient(
            "untrusted_certificate",
            words=f"{host}: {cause.verify_message}",
            remedy="The server's certificate must be valid for its host name and come from a trusted authority.",
            retry_after=timedelta(minutes=15),
            scope=Scope.HOST,
        )
    return Transient("tls_failed", words=f"{host}: {type(cause).__name__}", scope=Scope.HOST)


def unprotected(host: str, words: str) -> Permanent:
    """STARTTLS is asked for and cannot be had safely. Going on without it would hand the password to anyone between."""
    return Permanent(
        "starttls_refused",
        words=f"{host}: {words}",
        remedy="Use IMAP with TLS on port 993, or ask the server's operator to offer STARTTLS.",
    )
