"""A bounce or a delay notice read whole: the standard blocks where there are any, else the notice's words; and as a
last opinion flufl.bounce, Mailman's detector library.

flufl.bounce is right about many old and rare servers' texts, and it is used for those. It is not asked first: it gives
no reason, no status and no server's words; it takes any quoted bounce in a person's answer for one; and it needs the
standard library's parser, which is too slow and too deep for hostile mail - so it sees at most 64 KiB of what already
looks like a bounce.
"""

from __future__ import annotations

import email
import logging
from dataclasses import dataclass, replace
from email.errors import MessageError

from flufl.bounce import all_failures

from services.reply_matching.domain.addresses import address_of, addresses_of, normal_address
from services.reply_matching.domain.bounce_signs import failure_signs, from_person, is_delay
from services.reply_matching.domain.bounce_text import named_recipients, server_words
from services.reply_matching.domain.classification import Action, RecipientReport
from services.reply_matching.domain.dsn import recipients as dsn_recipients
from services.reply_matching.domain.dsn import status_blocks
from services.reply_matching.domain.headers import Headers
from services.reply_matching.domain.judged import Evidence
from services.reply_matching.domain.mime_reading import Mail, read_mail
from services.reply_matching.domain.notice import Notice, read_notice
from services.reply_matching.domain.reasons import hardness_of, one_line, plain, reason_of
from services.reply_matching.domain.stage import corrected, stage_of
from services.reply_matching.domain.status_codes import reply_in, status_in

ENOUGH = 4
_FLUFL_BYTES = 64 * 1024
# It logs the errors it raises, and those quote the mail. A filter: who configures logging anew enables all loggers.
logging.getLogger("flufl.bounce").addFilter(lambda record: False)


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says, recipient by recipient, and why we took it for one."""

    recipients: tuple[RecipientReport, ...]
    evidence: tuple[Evidence, ...]
    standard: bool
    """By RFC 3464; otherwise by its words."""


def read_bounce(mail: Mail, depth: int = 0) -> Bounce | None:
    """The report in this message; None when it is not one."""
    by_the_book = dsn_recipients(status_blocks(mail))
    if by_the_book:
        notice = read_notice(mail)
        completed = tuple(_completed(one, notice, len(by_the_book) == 1) for one in by_the_book)
        return Bounce(completed, (Evidence("rfc3464", f"{len(by_the_book)} recipients"),), True)
    if from_person(mail.headers):
        return None
    notice = read_notice(mail)
    weight, evidence = failure_signs(mail.headers, notice.text, notice.original is not None)
    if weight < ENOUGH:
        return None
    reports = _by_words(mail, notice)
    if not reports[0].address or reports[0].reason == "undefined":
        inner = _wrapped(mail, depth)
        if inner is not None:
            return Bounce(inner.recipients, (*evidence, Evidence("wrapped_report"), *inner.evidence), inner.standard)
    return Bounce(reports, evidence, False)


def _wrapped(mail: Mail, depth: int) -> Bounce | None:
    """A gateway that packs the report it got into an empty one of its own: the inner one says what happened."""
    part = mail.first("message/rfc822")
    if part is None or depth:
        return None
    return read_bounce(read_mail(part.content()), depth + 1)


def _completed(report: RecipientReport, notice: Notice, alone: bool) -> RecipientReport:
    """A standard block that gives no diagnosis of its own: the notice for people often does, and tells the stage."""
    if report.action not in (Action.FAILED, Action.DELAYED):
        return report
    named = {one.address: one.segment for one in named_recipients(notice.text, (report.address,), frozenset())}
    segment = notice.text if alone else named.get(report.address, "")
    if not segment:
        return report
    words, reason, reply = report.words, report.reason, reply_in(report.words)
    if not words or reason in _UNTOLD:
        said = server_words(segment)
        reply = reply or reply_in(said)
        reason = reason_of(f"{words} {said}", report.status, reply)
        if reason in ("undefined", "refused"):
            reason = reason_of(segment[:2000], report.status, reply)
        words = words or one_line(said)
    reason = corrected(reason, words, report.status, stage_of(plain(segment)), report.address)
    hardness = hardness_of(reason, report.status, reply, segment) if report.action is Action.FAILED else None
    return replace(report, reason=reason, words=words, hardness=hardness)


_UNTOLD = frozenset({"undefined", "refused", "protocol_error", "system_error", "other_address", "policy"})


def _by_words(mail: Mail, notice: Notice) -> tuple[RecipientReport, ...]:
    headers = mail.headers
    original = notice.original or Headers({})
    others = frozenset(
        address
        for field, source in (
            (b"from", headers), (b"to", headers), (b"return-path", headers), (b"reply-to", headers), (b"delivered-to",
            headers),
            (b"from", original), (b"return-path", original), (b"sender", original), (b"reply-to", original),
        )
        for address in addresses_of(source.raw(field))
    )  # fmt: skip
    failed = addresses_of(b",".join(headers.values(b"x-failed-recipients")))
    named = named_recipients(notice.text, failed, others)
    action = Action.DELAYED if is_delay(headers.text(b"subject"), notice.text) else Action.FAILED
    found = [_report(one.address, action, one.segment, notice.text) for one in named]
    if not found:
        failed = _second_opinion(mail) or _original_recipient(original)
        found = [_report(address, action, notice.text, notice.text) for address in failed]
    return tuple(found) or (_report("", action, notice.text, notice.text),)


def _report(address: str, action: Action, segment: str, whole: str) -> RecipientReport:
    words = server_words(segment)
    status, reply = status_in(words), reply_in(words)
    reason = reason_of(words, status, reply)
    if reason in ("undefined", "refused"):
        more = reason_of(whole[:2000], status or status_in(whole), reply or reply_in(whole))
        reason = more if more != "undefined" else reason
    if status[:1] == "2":
        status = ""
    reason = corrected(reason, words, status, stage_of(plain(segment)), address)
    hardness = hardness_of(reason, status, reply, segment) if action is Action.FAILED else None
    return RecipientReport(address, action, status, reason, hardness, one_line(words))


def _original_recipient(original: Headers) -> tuple[str, ...]:
    """A notice that names nobody, about a message that went to one person."""
    to = addresses_of(original.raw(b"to")) + addresses_of(original.raw(b"x-original-to"))
    return to[:1] if len(set(to)) == 1 and address_of(original.raw(b"cc")) == "" else ()


def _second_opinion(mail: Mail) -> tuple[str, ...]:
    try:
        temporary, permanent = all_failures(email.message_from_bytes(mail.raw[:_FLUFL_BYTES]))
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ()  # it parses strange mail with code that was not written for it; then it simply has no opinion
    names = (one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in temporary | permanent)
    return tuple(sorted(normal_address(name) for name in names if "@" in name))[:20]
