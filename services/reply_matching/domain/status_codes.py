"""Delivery status codes: RFC 3463's `5.1.1` and SMTP's `550`, found in text and read into a reason."""

from __future__ import annotations

import re

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.:/=-])(?<!\w)([45][0-5]\d)(?=[ \-]|$|[:;,]? ?[#<\"'(]?[245]\.\d)(?!\.\d)")

# RFC 3463 with the registry's later entries (RFC 5248), and what Exchange makes of them.
_BY_DETAIL = {
    "1.0": "other_address",
    "1.1": "unknown_user",
    "1.2": "host_unknown",
    "1.3": "unknown_user",
    "1.4": "unknown_user",
    "1.6": "moved",
    "1.7": "sender_rejected",
    "1.8": "sender_rejected",
    "1.10": "unknown_user",
    "2.1": "mailbox_disabled",
    "2.2": "mailbox_full",
    "2.3": "too_big",
    "2.4": "list_error",
    "3.1": "system_error",
    "3.2": "system_error",
    "3.4": "too_big",
    "3.5": "system_error",
    "4.1": "unreachable",
    "4.2": "unreachable",
    "4.3": "system_error",
    "4.4": "host_unknown",
    "4.5": "rate_limited",
    "4.6": "mail_loop",
    "4.7": "expired",
    "4.310": "host_unknown",
    "5.0": "protocol_error",
    "5.3": "rate_limited",
    "7.1": "policy",
    "7.7": "content",
    "7.8": "authentication",
    "7.9": "authentication",
    "7.20": "authentication",
    "7.21": "authentication",
    "7.22": "authentication",
    "7.23": "authentication",
    "7.24": "authentication",
    "7.25": "blocked",
    "7.26": "authentication",
    "7.27": "sender_rejected",
    "7.28": "rate_limited",
    "7.29": "authentication",
    "7.64": "relaying_denied",
}
_BY_SUBJECT = {"1": "other_address", "2": "mailbox_problem", "3": "system_error", "4": "unreachable"}
_BY_SUBJECT |= {"5": "protocol_error", "6": "content", "7": "policy"}
_BY_REPLY = {"421": "try_later", "450": "mailbox_problem", "451": "system_error", "452": "mailbox_problem"}
_BY_REPLY |= {
    "501": "protocol_error",
    "503": "protocol_error",
    "551": "moved",
    "552": "too_big",
    "553": "other_address",
}


def status_in(text: str) -> str:
    """The first enhanced status code in a text; empty when there is none. Only three numbers are one: four are a
    host."""
    match = _STATUS.search(text)
    return f"{match[1]}.{int(match[2])}.{int(match[3])}" if match else ""


def reply_in(text: str) -> str:
    """The first SMTP reply code of refusal in a text; empty when there is none."""
    match = _REPLY.search(text)
    return match[1] if match else ""


def reason_by_code(status: str, reply: str = "") -> str:
    """What the codes alone say; empty when they say nothing beyond 'no' (`5.0.0`, `550`, `554`)."""
    _, _, detail = status.partition(".")
    reason = _BY_DETAIL.get(detail, "")
    if not reason and detail and not detail.startswith("0"):
        reason = _BY_SUBJECT.get(detail.partition(".")[0], "")
    return reason or _BY_REPLY.get(reply, "")


def is_temporary(status: str, reply: str = "") -> bool:
    """True when the codes say: try again later."""
    return status.startswith("4") or (not status and reply.startswith("4"))
