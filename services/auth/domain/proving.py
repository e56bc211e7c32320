"""What a mail server's refusal means for the person who fills in the form: which field, in whose words, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from services.auth.domain.forms import Form
from services.auth.domain.refusals import Invalid, NotProved, Refused
from services.providers.errors import Permanent, ProviderError, ReauthRequired, Transient

_FIELD_IN_WORDS = re.compile(r"([a-z_]+(?:\.[a-z_]+)*): ")
SENTENCES = {
    "refused_login": "The {server} refused the login.",
    "missing_secret": "The password for the {server} is missing.",
    "refused_sender": "The {server} lets this login send from other addresses only.",
    "refused_host": "This host cannot be used as a mail server.",
    "other_client": "This mailbox is better connected another way.",
    "other_mailbox": "This is another mailbox than the one asked for.",
    "no_mailbox": "This account has no mailbox that can be connected.",
    "host_unavailable": "The {server} does not answer.",
    "timeout": "The {server} did not answer in time.",
    "connection_lost": "The {server} ended the connection.",
    "login_unavailable": "The {server} cannot check the login just now.",
    "login_throttled": "The {server} has seen too many logins and wants a pause.",
    "starttls_refused": "The {server} offers no STARTTLS.",
    "untrusted_certificate": "The {server} shows a certificate that cannot be trusted.",
    "expired_certificate": "The certificate of the {server} has expired.",
    "tls_failed": "No protected connection to the {server} could be made.",
    "redirected": "The {server} sends us to another address, and we do not follow.",
    "unexpected_answer": "The {server} did not answer as one does.",
    "no_password_login": "The {server} lets nobody in with a password.",
    "no_access": "The {server} does not let this login use the mailbox.",
    "mailbox_full": "The mailbox is full: not even a draft can be saved.",
    "engine_refused": "The part of this service that keeps Exchange logins did not take this one.",
}
"""By the provider's reason; others may come."""
_RENEW = "Whoever runs the server must renew its certificate. Until then no password is sent to it."


def refusal_of(error: ProviderError, form: Form, settings: Mapping[str, Any]) -> Refused:
    """The provider's error as auth's answer, with the server's own words kept apart from ours."""
    if error.reason == "invalid_settings":
        named = _FIELD_IN_WORDS.match(error.words)
        return Invalid(
            f"settings.{named[1]}" if named else "settings",
            error.words or "The settings cannot be used.",
            error.remedy or "Correct the settings of this mailbox.",
        )
    server = _server_of(error, form, settings)
    sentences = [_told(error, server)]
    other = None if error.other is None else _server_of(error.other, form, settings)
    if error.other is not None and other is not None and (also := _told(error.other, other)) not in sentences:
        sentences.append(also)
    retry_after = error.retry_after if isinstance(error, Transient) else None
    return NotProved(
        error.reason,
        " ".join(sentences),
        remedy=_RENEW if _is_expired(error) else error.remedy,
        field=_field_of(error, form, server),
        server_code=error.code,
        server_words=error.words,
        again=not isinstance(error, Permanent | ReauthRequired),
        retry_after=None if retry_after is None else max(1, round(retry_after.total_seconds())),
        failed=tuple(name for name in form.servers if f"{name.upper()} server" in error.words),
    )


def sentence_of(reason: str, server: str = "mail server") -> str:
    """A provider's reason as a sentence for people."""
    return SENTENCES.get(reason, "The {server} could not be used.").format(server=server)


def _told(error: ProviderError, server: str) -> str:
    title = f"{server.upper()} server" if server else "mail server"
    return sentence_of("expired_certificate" if _is_expired(error) else error.reason, title)


def _is_expired(error: ProviderError) -> bool:
    own = error.words if error.other is None else error.words.removesuffix(error.other.words)
    # OpenSSL's words for X509_V_ERR_CERT_HAS_EXPIRED.
    return error.reason == "untrusted_certificate" and "certificate has expired" in own


def _server_of(error: ProviderError, form: Form, settings: Mapping[str, Any]) -> str:
    """Which of the form's servers the words are about: the client names it, or else its host."""
    named = [name for name in form.servers if f"{name.upper()} server" in error.words]
    if named:
        return min(named, key=lambda name: error.words.index(f"{name.upper()} server"))
    for pattern in ("{host}:{port}", "{host}"):
        for name in form.servers:
            server = settings.get(name, {})
            if server.get("host") and pattern.format(**{"port": "", **server}) in error.words:
                return name
    return ""


def _field_of(error: ProviderError, form: Form, server: str) -> str:
    if error.reason == "other_mailbox":
        return "address"
    if error.reason == "refused_login":
        if error.other is not None and error.other.reason == "refused_login":
            return "secret"
        return f"secret.{server}_password" if f"{server}_password" in form.secrets else "secret"
    return f"settings.{server}.host" if server else "settings"
