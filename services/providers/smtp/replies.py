"""What an SMTP server's refusal asks of us: pure, the reply code decides first, the enhanced code (RFC 3463) second."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.providers.errors import Permanent, ProviderError, ReauthRequired, Scope, Transient

MICROSOFT_365 = "Connect this mailbox as Microsoft 365 instead of SMTP/IMAP: its provider has switched passwords off."


class Stage(StrEnum):
    """What the server was answering."""

    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    LOGIN = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    FINAL = "the message"


BEFORE_LOGIN = frozenset({Stage.GREETING, Stage.EHLO, Stage.STARTTLS})


@dataclass(frozen=True, slots=True)
class Reply:
    """`code` as sent, even where it is none of RFC 5321's; `text` may have several lines."""

    code: int
    text: str

    @property
    def enhanced(self) -> str:
        found = _ENHANCED.match(self.text)
        return found[0] if found else ""

    @property
    def shown_code(self) -> str:
        return f"{self.code} {self.enhanced}".strip()

    @property
    def words(self) -> str:
        """The server's own words on one printable line, at most 500 characters, without the codes."""
        if self.text.isprintable():
            return _ENHANCED.sub("", self.text, count=1).strip()[:500]
        lines = [_ENHANCED.sub("", line, count=1) for line in self.text[:4000].split("\n")]
        line = " ".join("".join(c if c.isprintable() else " " for c in " ".join(lines)).split())
        return line[:500]

    @property
    def accepts(self) -> bool:
        return 200 <= self.code <= 299

    @property
    def refuses(self) -> bool:
        return 400 <= self.code <= 599


_ENHANCED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3}(?=\s|\Z)")
# Exchange Online, Workspace, Zoho, SES, cPanel, Yahoo, each in its own words.
_QUOTA = re.compile(
    r"(?:exceed\w*|reach\w*|over)\b.{0,60}\b(?:daily|hourly|sending|message|messages|recipients?|e?mails?)\b.{0,40}"
    r"\b(?:limit|quota|max\w*)|(?:daily|hourly|sending|submission|send|user)\b.{0,40}(?:limit|quota|max\w*)\b.{0,60}"
    r"(?:exceed|reach)|exceeded the max|(?:maximum|limit).{0,40}per (?:hour|day)|quotaexceeded"
    r"|too many (?:messages|e?mails|recipients (?:per|in the last))|unusual sending activity|tenant has exceeded",
    re.IGNORECASE | re.DOTALL,
)
_QUOTA_CODES = frozenset({"5.4.5", "5.4.6", "5.1.90", "5.7.705", "5.7.233"})
_CROWDED = re.compile(r"too many|concurrent|connection (?:rate|limit)|thread limit|throttl", re.IGNORECASE)
_RATE = re.compile(r"rate.?limit|too (?:fast|many|quickly)|throttl|slow down|unusual rate", re.IGNORECASE)
_LATER = re.compile(r"too many|try (?:again )?later|temporar|throttl|rate.?limit", re.IGNORECASE)
_GREYLIST = re.compile(r"gr[ea]y.?list", re.IGNORECASE)
_FULL = re.compile(r"mailbox.{0,20}full|over ?quota|quota exceeded|insufficient storage", re.IGNORECASE)
_APP_PASSWORD = re.compile(r"app(?:lication)?[- ]?(?:specific )?password", re.IGNORECASE)
_BASIC_AUTH_OFF = re.compile(
    r"basic auth\w* is (?:not supported|disabled)|SmtpClientAuthentication is disabled", re.IGNORECASE
)
_SENDER = re.compile(r"send ?as|sender|from address|not (?:allowed|permitted|authori[sz]ed) to send", re.IGNORECASE)
_WAIT = re.compile(r"\b(?:in|after|wait(?: for)?)\s+(\d{1,6})\s*(sec|s\b|min|hour|h\b)", re.IGNORECASE)
_LONGEST_WAIT = timedelta(days=1)
_QUOTA_PAUSE = timedelta(hours=1)
_MECHANISM_CODES = frozenset({500, 501, 502, 504})


def error_of(reply: Reply, stage: Stage) -> ProviderError:
    """The instruction in a reply that did not accept. Says nothing was sent: at `FINAL`, only where it `refuses`."""
    if not reply.refuses:
        return Transient(
            "protocol_error",
            words=f"an answer to {stage} that SMTP does not know: {reply.words}"[:500],
            code=str(reply.code) if 0 <= reply.code <= 999 else "",
            retry_after=timedelta(minutes=5),
            scope=Scope.HOST if stage in BEFORE_LOGIN else Scope.MAILBOX,
        )
    if reply.enhanced in {"5.7.30", "5.7.139"} or _BASIC_AUTH_OFF.search(reply.text):
        return _reauth("basic_auth_off", reply, MICROSOFT_365)
    if stage is Stage.LOGIN:
        return _refused_login(reply)
    if reply.code == 421:
        return _later("host_unavailable", reply, Scope.HOST)
    if reply.code in {530, 535}:
        return _reauth("refused_login", reply, "Connect this mailbox again with its user name and password.")
    # At RCPT a quota is mostly the recipient's, unless the code says whose.
    if reply.enhanced in _QUOTA_CODES or (stage is not Stage.RCPT and _QUOTA.search(reply.text)):
        remedy = "The provider's sending limit is reached: sending goes on by itself once its window has passed."
        return _later("quota_reached", reply, Scope.MAILBOX, remedy, _QUOTA_PAUSE)
    if reply.code < 500 or reply.code == 503:
        return _deferred(reply, stage)
    return _refused(reply, stage)


def _refused_login(reply: Reply) -> ProviderError:
    if reply.code == 421:
        return _later("host_unavailable", reply, Scope.HOST)
    if reply.code == 432:  # RFC 4954: a password transition is needed
        return _reauth(
            "refused_login", reply, "Log in to the mailbox once by its provider's own page, then connect it."
        )
    if reply.code < 500 or reply.code == 503:
        return _later("login_unavailable", reply, Scope.MAILBOX)
    if _LATER.search(reply.text):
        return _later("login_throttled", reply, Scope.MAILBOX, pause=timedelta(minutes=15))
    if reply.enhanced == "5.7.9" or _APP_PASSWORD.search(reply.text):
        return _reauth("refused_login", reply, "Create an app password at the mailbox's provider and connect with it.")
    if reply.code in _MECHANISM_CODES:
        return _reauth("refused_login", reply, "The server offers no way of logging in that Replywire knows.")
    return _reauth("refused_login", reply, "Check the SMTP user name and password, then connect this mailbox again.")


def _deferred(reply: Reply, stage: Stage) -> Transient:
    if reply.enhanced == "4.5.3":
        return _later("too_many_recipients", reply, Scope.MESSAGE, "Name fewer recipients in one message.")
    if _GREYLIST.search(reply.text):
        return _later("greylisted", reply, Scope.MESSAGE)
    if stage is not Stage.RCPT and _CROWDED.search(reply.text) and re.search("connection|concurrent", reply.text, re.I):
        return _later("host_unavailable", reply, Scope.HOST)
    if stage is not Stage.RCPT and _RATE.search(reply.text):
        return _later("rate_limited", reply, Scope.MAILBOX)
    if stage in BEFORE_LOGIN:
        return _later("host_unavailable", reply, Scope.HOST)
    return _later("deferred_by_server", reply, Scope.MESSAGE)


def _refused(reply: Reply, stage: Stage) -> ProviderError:
    if stage in BEFORE_LOGIN:
        # 554 as a greeting turns us away, not the message: it keeps until the server lets us in again.
        return _later("host_unavailable", reply, Scope.HOST, pause=timedelta(minutes=15))
    if stage is Stage.RCPT and (reply.enhanced == "5.2.2" or _FULL.search(reply.text)):
        return _permanent("mailbox_full", reply, "The recipient's mailbox is full: reach them another way.")
    if reply.code == 552 or reply.enhanced in {"5.3.4", "5.2.3"}:
        return _permanent("too_large", reply, "Make the message smaller, for example by sending files as links.")
    if stage is Stage.RCPT:
        return _permanent("refused_recipient", reply, "Check the recipient's address.")
    if stage is Stage.MAIL or reply.enhanced in {"5.2.252", "5.7.60", "5.1.8"} or _SENDER.search(reply.text):
        return _permanent("refused_sender", reply, "The mailbox may not send from this address: check both.")
    if reply.enhanced.startswith("5.7."):
        return _permanent(
            "refused_content", reply, "The server refuses the message's content or its sender's standing."
        )
    return _permanent("refused_by_server", reply, "Read the server's words: the message was refused for good.")


def wait_named_in(text: str) -> timedelta | None:
    """`Greylisted, try again in 300 seconds`: how long, at most a day."""
    found = _WAIT.search(text)
    if found is None:
        return None
    unit = {"s": 1, "m": 60, "h": 3600}[found[2][0].lower()]
    return min(timedelta(seconds=int(found[1]) * unit), _LONGEST_WAIT)


def _later(reason: str, reply: Reply, scope: Scope, remedy: str = "", pause: timedelta | None = None) -> Transient:
    wait = wait_named_in(reply.text) or pause
    return Transient(reason, words=reply.words, code=reply.shown_code, remedy=remedy, retry_after=wait, scope=scope)


def _permanent(reason: str, reply: Reply, remedy: str) -> Permanent:
    return Permanent(reason, words=reply.words, code=reply.shown_code, remedy=remedy)


def _reauth(reason: str, reply: Reply, remedy: str) -> ReauthRequired:
    return ReauthRequired(reason, words=reply.words, code=reply.shown_code, remedy=remedy)
