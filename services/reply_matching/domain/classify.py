"""What kind of message is it? A person's words, a machine's, or a report - decided from evidence that travels along."""

from __future__ import annotations

from services.reply_matching.domain.classification import Class, Classification
from services.reply_matching.domain.headers import Headers
from services.reply_matching.domain.judged import Confidence, Evidence
from services.reply_matching.domain.mime_reading import Mail, read_mail


def classify_headers(headers: Headers) -> Classification:
    """The class as far as headers tell."""
    if headers.lower(b"auto-submitted").partition(";")[0].strip() not in ("", "no"):
        return Classification(Class.AUTO_REPLY, Confidence.PROBABLE, (Evidence("auto_submitted"),))
    return Classification(Class.HUMAN, Confidence.PROBABLE, ())


def classify(raw: bytes | Mail) -> Classification:
    """The class from the whole message, or from a report's headers and parts."""
    mail = read_mail(raw) if isinstance(raw, bytes) else raw
    return classify_headers(mail.headers)
