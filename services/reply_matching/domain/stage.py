"""At which command the remote server said no; it changes what its words mean.

"User unknown" after the recipient had been accepted and the text was sent is a filter's way to refuse, and "does not
exist" in answer to MAIL FROM speaks of the sender. Neither proves anything about the address we wrote to.
"""

from __future__ import annotations

import re
from enum import StrEnum

_DATA = re.compile(
    r"(?:after|in reply to|reply to|response to|to)(?: the)? (?:final |end of |pipelined |message )?data|>>> (?:data|"
    r"\.)\s+<<< [45]|"
    r"end of (?:data|message)|\(data\)|(?:text|data) command|final data|\[(?:data|eom)\]"
)
_MAIL = re.compile(
    r"(?:after|in reply to|reply to|response to)(?: pipelined)? mail from|mail from command|"
    r">>> mail from.{0,200}<<< [45]|"
    r"sender was rejected|(?:does not|doesn't|did not|didn't) like (?:the |your )?sender|\[mail_?from\]"
)
_CARRIERS = re.compile(r"(?:^|[.@])(?:docomo\.ne\.jp|ezweb\.ne\.jp|au\.com|softbank\.ne\.jp|vodafone\.ne\.jp)$")


class Stage(StrEnum):
    MAIL = "mail"
    RECIPIENT = "recipient"
    DATA = "data"
    UNKNOWN = ""


def stage_of(text: str) -> Stage:
    """The stage that a report's words tell (plain text as of `reasons.plain`)."""
    if _MAIL.search(text):
        return Stage.MAIL
    if "rcpt" in text:
        return Stage.RECIPIENT
    return Stage.DATA if _DATA.search(text) else Stage.UNKNOWN


def corrected(reason: str, words: str, status: str, stage: Stage, address: str) -> str:
    """The reason once its stage is taken into account."""
    if reason not in ("unknown_user", "host_unknown"):
        return reason
    if stage is Stage.MAIL:
        return "sender_rejected"
    if reason == "unknown_user" and not status.endswith(".1.1"):
        vague = _VAGUE.search(words.lower())
        if stage is Stage.DATA and vague:
            return "refused"
        # Japan's mobile carriers say "user unknown" where a person's own filter refused; else they name whom they miss.
        if stage is Stage.UNKNOWN and vague and "@" not in words and _CARRIERS.search(address):
            return "refused"
    return reason


_VAGUE = re.compile(r"user unknown|unknown user")
