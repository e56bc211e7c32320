"""Why a mail did not arrive: the reasons we tell apart, each with a sentence for a person, and the words that show
them.

Servers' codes are often too general (`550`, `5.0.0`) and sometimes wrong (`5.1.1` for a full mailbox), so the words
come first and the codes fill in. The rules are phrases that many servers share, not any one server's text; the first
that fits wins, so the more telling ones stand first.
"""

from __future__ import annotations

import re
import unicodedata

from services.reply_matching.domain.classification import Hardness
from services.reply_matching.domain.reason_phrases import PHRASES
from services.reply_matching.domain.status_codes import is_temporary, reason_by_code

REASONS: dict[str, str] = {
    "unknown_user": "There is no such mailbox at this address.",
    "host_unknown": "The domain of this address does not exist or has no mail server.",
    "moved": "The person has moved to another address.",
    "no_mail_accepted": "The domain of this address takes no mail at all.",
    "other_address": "The address was not accepted.",
    "mailbox_full": "The mailbox is full.",
    "mailbox_disabled": "The mailbox is switched off or suspended.",
    "mailbox_problem": "The mailbox cannot take mail at the moment.",
    "too_big": "The message is too big for the recipient.",
    "blocked": "The recipient's server blocks the server or address it came from.",
    "authentication": "The recipient's server could not verify the sender (SPF, DKIM, DMARC).",
    "sender_rejected": "The recipient's server does not accept this sender address.",
    "spam": "The message was taken for spam.",
    "virus": "The message was taken for harmful.",
    "content": "The message's content or form was refused.",
    "policy": "A rule of the recipient's server or organisation refuses the message.",
    "refused": "The recipient's server refused the message without a clear reason.",
    "relaying_denied": "The server does not take mail for this domain.",
    "rate_limited": "Too many messages in a short time.",
    "try_later": "The recipient's server asks to try again later.",
    "expired": "The message could not be delivered in time.",
    "unreachable": "The recipient's server could not be reached.",
    "mail_loop": "The message went round in circles.",
    "list_error": "A mailing list or group did not accept the message.",
    "protocol_error": "The two servers did not understand each other.",
    "system_error": "The recipient's server has a fault.",
    "undefined": "No reason was given.",
}
"""Slug → what a person is told."""

_HARD = frozenset({"unknown_user", "host_unknown", "moved", "no_mail_accepted"})
MAX_WORDS = 4000


def reason_of(words: str, status: str = "", reply: str = "") -> str:
    """The reason a server gives by its words and codes; a slug of `REASONS`."""
    by_words = reason_by_words(words)
    by_code = reason_by_code(status, reply)
    if by_words in _VAGUE and by_code and by_code not in _VAGUE_CODES:
        return by_code
    return by_words or by_code or ("refused" if status or reply else "undefined")


_VAGUE = frozenset({"", "policy", "refused", "mailbox_problem", "other_address", "content", "system_error"})
_VAGUE_CODES = frozenset(
    {"other_address", "mailbox_problem", "system_error", "protocol_error", "policy", "content", "unreachable"}
)


def reason_by_words(words: str) -> str:
    """The reason by the words alone; empty when they match nothing known."""
    text = plain(words)
    for reason, pattern in PHRASES:
        if pattern.search(text):
            return reason
    return ""


def plain(words: str) -> str:
    """Words made comparable: lower case, one kind of apostrophe, single blanks, bounded."""
    text = words[:MAX_WORDS].replace("’", "'").replace("`", "'").replace("_", " ").lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())


def hardness_of(reason: str, status: str = "", reply: str = "", words: str = "") -> Hardness:
    """Hard when the address cannot work. A host that is not found *for now* may be found tomorrow."""
    if reason not in _HARD:
        return Hardness.SOFT
    if reason == "host_unknown" and (is_temporary(status, reply) or _FOR_NOW.search(plain(words))):
        return Hardness.SOFT
    return Hardness.HARD


_FOR_NOW = re.compile(r"try again|temporar|aborted after|expired|for \d{1,3} (?:hours|days)|time(?:d )?-?out")


_WRAPPED = re.compile(r"^[245]\.\d{1,3}\.\d{1,3} - [A-Za-z ]{3,40} (?=[45]\d\d[- ])")


def unwrapped(words: str) -> str:
    """The remote server's words out of a gateway's (`5.1.0 - Unknown address error 550-'5.7.1 Access denied'`), whose
    own summary is often wrong."""
    return _WRAPPED.sub("", words)


_WHITE = re.compile(r"\s+")


def one_line(words: str, limit: int = 1000) -> str:
    """A server's words on one line, for a person."""
    return _WHITE.sub(" ", words[: limit * 2]).strip()[:limit]
