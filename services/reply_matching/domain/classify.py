"""What kind of message is it? A person's words, a machine's, or a report - decided from evidence that travels along.

The order matters: a complaint carries a whole message and a bounce is automatic too, so the most telling form comes
first. Whatever shows no sign of a machine is a person's: to stop a sequence for an odd robot is a small error, to
overlook a person who answered is not.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

from services.reply_matching.domain.arf import read_complaint
from services.reply_matching.domain.automatic import ENOUGH as AUTOMATIC_ENOUGH
from services.reply_matching.domain.automatic import automatic_signs
from services.reply_matching.domain.automatic_words import WEIGHT as SAYING_SO
from services.reply_matching.domain.automatic_words import says_it_is_automatic
from services.reply_matching.domain.bounce import Bounce, read_bounce
from services.reply_matching.domain.bounce_signs import from_mail_system
from services.reply_matching.domain.challenge import challenge_signs
from services.reply_matching.domain.classification import Action, Class, Classification, Hardness, RecipientReport
from services.reply_matching.domain.headers import Headers
from services.reply_matching.domain.judged import Confidence, Evidence
from services.reply_matching.domain.mailing_list import list_signs
from services.reply_matching.domain.mime_reading import Mail, read_mail
from services.reply_matching.domain.out_of_office import away_words, subject_is_out_of_office
from services.reply_matching.domain.reply_text import new_text_of
from services.reply_matching.domain.report_signs import looks_like_report
from services.reply_matching.domain.return_date import return_date
from services.reply_matching.domain.ses_notification import read_notification
from services.reply_matching.domain.unsubscribe import asks_to_unsubscribe

_CERTAIN_SIGNS = frozenset({"auto_submitted", "responder_field", "read_receipt"})


def classify_headers(headers: Headers) -> Classification:
    """The class as far as headers tell; a guess where the body has the last word, and then `probable`."""
    content_type = headers.lower(b"content-type")
    if "feedback-report" in content_type or b"x-hmxmroriginalrecipient" in headers:
        return Classification(Class.COMPLAINT, Confidence.PROBABLE, (Evidence("report_type"),))
    if looks_like_report(headers):
        return Classification(Class.BOUNCE, Confidence.PROBABLE, (Evidence("looks_like_a_report"),))
    weight, signs = automatic_signs(headers)
    if weight >= AUTOMATIC_ENOUGH:
        away = subject_is_out_of_office(headers.text(b"subject"))
        return Classification(Class.OUT_OF_OFFICE if away else Class.AUTO_REPLY, _sure(signs), signs)
    listed = list_signs(headers)
    return Classification(Class.LIST if listed else Class.HUMAN, Confidence.PROBABLE, listed or signs)


def classify(raw: bytes | Mail, received_at: datetime | None = None) -> Classification:
    """The class from the whole message, or from a report's headers and parts. `received_at` helps to read dates without
    a year; without it the message's own date does."""
    mail = read_mail(raw) if isinstance(raw, bytes) else raw
    complaint = read_complaint(mail)
    if complaint is not None:
        who = tuple(RecipientReport(address, Action.DELIVERED) for address in complaint.recipients)
        return Classification(
            Class.COMPLAINT, Confidence.CERTAIN, complaint.evidence, recipients=who, reason=complaint.feedback_type
        )
    notification = read_notification(mail)
    if notification is not None:
        return notification
    bounce = read_bounce(mail)
    if bounce is not None:
        return _challenge_in(mail, bounce) or _of_bounce(bounce)
    return _of_message(mail, received_at)


def _challenge_in(mail: Mail, bounce: Bounce) -> Classification | None:
    """Some filters dress their question as a report of delay; a mail system's own says 'held until' and means it."""
    if from_mail_system(mail.headers) or any(one.action is Action.FAILED for one in bounce.recipients):
        return None
    challenged = challenge_signs(mail.headers, mail.headers.text(b"subject"), new_text_of(mail).new)
    return Classification(Class.CHALLENGE, Confidence.PROBABLE, bounce.evidence + challenged) if challenged else None


def _of_bounce(bounce: Bounce) -> Classification:
    failed = [one for one in bounce.recipients if one.action is Action.FAILED]
    delayed = [one for one in bounce.recipients if one.action is Action.DELAYED]
    sure = Confidence.CERTAIN if bounce.standard else Confidence.PROBABLE
    told = (failed or delayed or list(bounce.recipients))[0]
    if failed:
        hard = all(one.hardness is Hardness.HARD for one in failed)
        return Classification(
            Class.BOUNCE,
            sure,
            bounce.evidence,
            Hardness.HARD if hard else Hardness.SOFT,
            bounce.recipients,
            reason=told.reason,
            words=told.words,
        )
    klass = Class.DELAYED if delayed else Class.AUTO_REPLY  # a receipt: it was delivered or passed on
    return Classification(klass, sure, bounce.evidence, None, bounce.recipients, reason=told.reason, words=told.words)


def _of_message(mail: Mail, received_at: datetime | None) -> Classification:
    headers = mail.headers
    subject = headers.text(b"subject")
    text = new_text_of(mail).new
    weight, signs = automatic_signs(headers)
    said = says_it_is_automatic(text)
    weight, signs = weight + SAYING_SO * len(said), signs + said
    challenged = challenge_signs(headers, subject, text)
    if challenged and (weight or _asks_unbidden(challenged[0].sign, headers)):
        return Classification(Class.CHALLENGE, Confidence.PROBABLE, signs + challenged)
    if weight >= AUTOMATIC_ENOUGH:
        return _of_machine(headers, subject, text, signs, received_at)
    listed = list_signs(headers)
    if listed and not _answers(headers):
        return Classification(Class.LIST, Confidence.PROBABLE, listed + signs)
    evidence = (Evidence("no_sign_of_a_machine"), *signs, *listed)
    return Classification(
        Class.HUMAN,
        Confidence.CERTAIN if not weight else Confidence.PROBABLE,
        evidence,
        unsubscribe_request=asks_to_unsubscribe(text) or asks_to_unsubscribe(_own_subject(subject)),
    )


def _of_machine(
    headers: Headers, subject: str, text: str, signs: tuple[Evidence, ...], received_at: datetime | None
) -> Classification:
    away = away_words(f"{subject}\n{text}")
    back = None
    # "Automatic reply: ... until the 24th" speaks of absence, in whatever words.
    if away or any(one.sign == "automatic_subject" for one in signs):
        back = return_date(f"{subject}. {text}", _received(headers, received_at), only_until=not away)
    if away or back:
        evidence = (*signs, Evidence("absence_words", away or f"until {back}"))
        return Classification(Class.OUT_OF_OFFICE, _sure(signs), evidence, return_date=back)
    listed = list_signs(headers)
    return Classification(Class.LIST if listed else Class.AUTO_REPLY, _sure(signs), signs + listed)


def _asks_unbidden(sign: str, headers: Headers) -> bool:
    """Whether a question without any sign of a machine is a filter's: people ask to confirm things too, and their
    answers carry our own subject."""
    return sign == "challenge_field" or (sign == "challenge_subject" and not _answers(headers))


def _answers(headers: Headers) -> bool:
    return b"in-reply-to" in headers or b"references" in headers


def _own_subject(subject: str) -> str:
    """A subject that the person wrote: 'unsubscribe' by itself, not ours with Re: before it."""
    return subject if ":" not in subject else ""


def _sure(signs: tuple[Evidence, ...]) -> Confidence:
    return Confidence.CERTAIN if any(one.sign in _CERTAIN_SIGNS for one in signs) else Confidence.PROBABLE


def _received(headers: Headers, received_at: datetime | None) -> date:
    if received_at is not None:
        return received_at.date()
    try:
        return parsedate_to_datetime(headers.text(b"date")[:100]).date()
    except (ValueError, IndexError, OverflowError):
        return datetime.now(UTC).date()
