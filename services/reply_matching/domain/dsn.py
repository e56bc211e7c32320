"""Delivery status notifications by the book (RFC 3464, 6533): one block for the message, one for each recipient."""

from __future__ import annotations

import re

from services.reply_matching.domain.addresses import normal_address
from services.reply_matching.domain.classification import Action, RecipientReport
from services.reply_matching.domain.encoded_words import decode_words
from services.reply_matching.domain.headers import Headers, parse_block
from services.reply_matching.domain.mime_reading import Mail
from services.reply_matching.domain.reasons import hardness_of, one_line, plain, reason_of, unwrapped
from services.reply_matching.domain.stage import corrected, stage_of
from services.reply_matching.domain.status_codes import reply_in, status_in

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
MAX_RECIPIENTS = 200
_BLANK = re.compile(rb"\n[ \t]*(?=\n)")
_START = re.compile(
    rb"^[ \t]*(?:reporting-mta|(?:original|final)-recipient|action)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_UTF8_ESCAPE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


def status_blocks(mail: Mail) -> list[Headers]:
    """The blocks of fields, the message's own first. Taken from the part made for them, else from a report whose
    boundary was lost on the way, where they stand in the text."""
    part = mail.first(*STATUS_TYPES)
    if part is not None:
        data = part.content(256 * 1024)
    else:
        data = b""
        for one in mail.parts[:5]:
            if one.type.name.startswith("message/"):
                break
            text = one.content(64 * 1024)
            found = _START.search(text)
            if found and b"final-recipient" in text.lower():
                data = text[found.start() :]
                break
    blocks = [parse_block(block) for block in _cut(data)[: MAX_RECIPIENTS * 2]]
    return [block for block in blocks if len(block)]


def _cut(data: bytes) -> list[bytes]:
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _BLANK.sub(b"\n", data).split(b"\n\n") if data else []


def recipients(blocks: list[Headers]) -> tuple[RecipientReport, ...]:
    """Each recipient's fate. Fields are read within their block only, so that no recipient gets another's verdict."""
    own = [block for block in blocks if not _RECIPIENT_FIELDS.isdisjoint(block.names())]
    reports = (_recipient(block) for block in own[:MAX_RECIPIENTS])
    return tuple(report for report in reports if report is not None)


_RECIPIENT_FIELDS = frozenset({b"final-recipient", b"original-recipient", b"action"})


def _recipient(block: Headers) -> RecipientReport | None:
    final, original = _address(block, b"final-recipient"), _address(block, b"original-recipient")
    final = final or _address(block, b"x-actual-recipient")
    action_text = block.lower(b"action").split("(")[0].strip(" ;.")
    diagnostic = block.text(b"diagnostic-code")
    kind, mark, words = diagnostic.partition(";")
    if not mark or " " in kind.strip() or len(kind) > 20:
        words = diagnostic
    words = unwrapped(words.strip())
    status_words = block.text(b"status")
    given = status_in(status_words)
    action = _action(action_text, given)
    if action is None or not (final or original or given):
        return None
    address = final if final.find("@") > 0 or not original else original
    told = status_in(words)
    # The remote server's code inside its words is nearer to the truth than the reporting server's summary of it.
    status = (
        told
        if told and (not given or given[1:] in (".0.0", ".5.0", ".3.0")) and told[0] == given[:1]
        else given or told
    )
    reply = reply_in(words)
    if action is not Action.FAILED and action is not Action.DELAYED:
        return RecipientReport(address, action, status, words=one_line(words), original_address=original)
    reason = reason_of(words, status, reply)
    if reason in ("undefined", "refused"):
        reason = reason_of(status_words, status, reply)
    reason = corrected(reason, words, status, stage_of(plain(words)), address)
    return RecipientReport(
        address,
        action,
        status,
        reason,
        hardness_of(reason, status, reply, words) if action is Action.FAILED else None,
        one_line(words or _comment(status_words)),
        original if original != address else "",
    )


def _comment(status: str) -> str:
    return status.partition("(")[2].rstrip(") ")


def _action(text: str, status: str) -> Action | None:
    for action in Action:
        if text == action.value:
            return action
    if text.startswith("deliver") or (text and status[:1] == "2"):
        return Action.DELIVERED  # "deliverable" answers a mere test
    if text in ("failure", "fail", "error", "undeliverable") or (not text and status[:1] == "5"):
        return Action.FAILED
    if text in ("delay", "deferred") or (not text and status[:1] == "4"):
        return Action.DELAYED
    return Action.FAILED if text and status[:1] in ("4", "5") else None


def _address(block: Headers, name: bytes) -> str:
    """`rfc822; user@example.org`, `utf-8; …` with RFC 6533's \\x{…} escapes, or the bare address of a careless
    server."""
    value = decode_words(block.raw(name))
    kind, mark, rest = value.partition(";")
    address = rest if mark else kind
    if "\\x{" in address:
        address = _UTF8_ESCAPE.sub(lambda match: _character(match[1]), address)
    address = address.strip().strip("<>").strip()
    if " " in address:
        address = next((word for word in address.split() if "@" in word), address.split()[0])
    return normal_address(address)[:320]


def _character(digits: str) -> str:
    code = int(digits, 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "�"
