"""Complaints: abuse reports by RFC 5965 (ARF), and Hotmail's own form of them."""

from __future__ import annotations

from dataclasses import dataclass

from services.reply_matching.domain.addresses import address_of, addresses_of, normal_address
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.judged import Evidence
from services.reply_matching.domain.mime_reading import Mail


@dataclass(frozen=True, slots=True)
class Complaint:
    feedback_type: str
    """RFC 5965, 7.3: abuse, fraud, virus, other, not-spam, opt-out, …"""
    recipients: tuple[str, ...]
    """Who complained, where the report tells; many providers hide it."""
    evidence: tuple[Evidence, ...]


def read_complaint(mail: Mail) -> Complaint | None:
    """The complaint in this message; None when it is not one."""
    report = mail.first("message/feedback-report")
    if report is None and mail.type.report_type != "feedback-report":
        return _hotmail(mail)
    fields = parse_block(report.content(64 * 1024).lstrip()) if report is not None else mail.headers
    kind = fields.lower(b"feedback-type").strip()[:64]
    if kind in _NO_COMPLAINT:
        return None
    found = [
        normal_address(value.rpartition(b":")[2])
        for name in (b"original-rcpt-to", b"removal-recipient")
        for value in fields.values(name)
    ]
    if not any(found):
        found = list(_addressee(mail))
    return Complaint(kind or "abuse", _unique(found), (Evidence("rfc5965", kind or "no feedback type"),))


_NO_COMPLAINT = frozenset({"auth-failure", "dmarc", "not-spam"})
"""RFC 6591: a mail system tells another of a forged message; RFC 5965: somebody says that it is *no* spam."""


def _hotmail(mail: Mail) -> Complaint | None:
    """`staff@hotmail.com complains`: no ARF part, the original attached, its recipient in a field of Hotmail's own."""
    where = [mail.headers]
    where += [
        parse_block(part.content(64 * 1024).lstrip()) for part in mail.parts if part.type.name == "message/rfc822"
    ][:3]
    for headers in where:
        recipient = headers.raw(b"x-hmxmroriginalrecipient")
        if recipient:
            return Complaint("abuse", _unique([address_of(recipient)]), (Evidence("hotmail_junk_report"),))
    return None


def _addressee(mail: Mail) -> tuple[str, ...]:
    original = mail.first("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "text/rfc822")
    return addresses_of(parse_block(original.content(64 * 1024).lstrip()).raw(b"to"))[:1] if original else ()


def _unique(addresses: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for address in addresses if "@" in address))
