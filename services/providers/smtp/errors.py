"""What failed on an SMTP connection, as the instructions of `providers.errors`: aiosmtplib's exceptions end here."""

from __future__ import annotations

import ssl
from datetime import timedelta

import aiosmtplib

from services.providers.errors import OutcomeUnknown, ProviderError, Scope, Transient
from services.providers.smtp.replies import BEFORE_LOGIN, Reply, Stage, error_of


class Garbled(aiosmtplib.SMTPException):
    """What came is no reply (a line without a code, a code that SMTP has not, one without an end)."""


CAUGHT = (aiosmtplib.SMTPException, OSError, TimeoutError)
"""All that aiosmtplib and the socket raise. Our own mistakes are not among them."""


def mapped(cause: Exception, stage: Stage, host: str) -> ProviderError:
    """The instruction in a failure before the point of no return: nothing was sent."""
    if isinstance(cause, aiosmtplib.SMTPResponseException):
        return error_of(Reply(cause.code, cause.message), stage)
    broken = cause if isinstance(cause, ssl.SSLError) else cause.__cause__
    if isinstance(broken, ssl.SSLCertVerificationError):
        return Transient(
            "untrusted_certificate",
            words=f"{host}: {broken.verify_message}",
            remedy="The server's certificate must be valid for its host name and come from a trusted authority.",
            retry_after=timedelta(minutes=15),
            scope=Scope.HOST,
        )
    if isinstance(broken, ssl.SSLError):
        remedy = "Check that the port speaks TLS from the start (465) or by STARTTLS (25, 587), as the settings say."
        return Transient("tls_failed", words=f"{host}: TLS failed", remedy=remedy, scope=Scope.HOST)
    if isinstance(cause, Garbled):
        return error_of(Reply(-1, str(cause)), stage)
    # Who was let in and lost contact later speaks for one mailbox only: it must not slow the host's others.
    scope = Scope.HOST if stage in BEFORE_LOGIN else Scope.MAILBOX
    if isinstance(cause, TimeoutError):
        return Transient("timeout", words=f"no answer to {stage} in time", scope=scope)
    if isinstance(cause, OSError):
        return Transient("connection_lost", words=f"the connection ended at {stage}", scope=scope)
    return error_of(Reply(-1, str(cause)), stage)


def unknown(cause: Exception | None, reply: Reply | None = None) -> OutcomeUnknown:
    """The final dot was written and no clear answer came."""
    if reply is not None:
        return OutcomeUnknown("unclear_answer", words=reply.words, code=str(reply.code))
    if isinstance(cause, Garbled):
        return OutcomeUnknown("unclear_answer", words=str(cause))
    how = "no answer came in time" if isinstance(cause, TimeoutError) else "the connection ended"
    return OutcomeUnknown("no_answer", words=f"the message was handed over, then {how}")


def starttls_stripped(host: str) -> Transient:
    """Going on without it would hand the password to anyone between, so nothing is sent until it is offered again."""
    return Transient(
        "starttls_refused",
        words=f"{host} does not offer STARTTLS",
        remedy="Use SMTP with TLS on port 465, or ask the server's operator to offer STARTTLS.",
        retry_after=timedelta(minutes=15),
        scope=Scope.HOST,
    )
