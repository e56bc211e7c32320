"""What a mail server's refusal means for the person who fills in the form: which field, in whose words, what to do."""

from __future__ import annotations

import re

from services.auth.domain.forms import Form
from services.auth.domain.refusals import Invalid, NotProved, Refused
from services.providers.errors import Permanent, ProviderError, ReauthRequired, Transient

_SERVER_IN_WORDS = re.compile(r"\b(smtp|imap)\b", re.IGNORECASE)
_FIELD_IN_WORDS = re.compile(r"([a-z_]+(?:\.[a-z_]+)*): ")
_SENTENCES = {
    "refused_login": "The {server} refused the login.",
    "refused_host": "This host cannot be used as a mail server.",
    "unknown_host": "This host cannot be used as a mail server.",
    "host_unavailable": "The {server} does not answer.",
    "other_client": "This mailbox is better connected another way.",
    "timeout": "The {server} did not answer in time.",
    "no_starttls": "The {server} offers no STARTTLS.",
    "bad_certificate": "The {server} shows a certificate that cannot be trusted.",
}


def refusal_of(error: ProviderError, form: Form) -> Refused:
    """The provider's error as auth's answer, with the server's own words kept apart from ours."""
    if error.reason == "invalid_settings":
        named = _FIELD_IN_WORDS.match(error.words)
        return Invalid(
            f"settings.{named[1]}" if named else "settings",
            error.words or "The settings cannot be used.",
            error.remedy or "Correct the settings of this mailbox.",
        )
    server = _server_of(error, form)
    title = f"{server.upper()} server" if server else "mail server"
    sentence = _SENTENCES.get(error.reason, "The {server} could not be used.").format(server=title)
    retry_after = error.retry_after if isinstance(error, Transient) else None
    return NotProved(
        error.reason,
        sentence,
        remedy=error.remedy,
        field=_field_of(error, form, server),
        server_code=error.code,
        server_words=error.words,
        again=not isinstance(error, Permanent | ReauthRequired),
        retry_after=None if retry_after is None else max(1, round(retry_after.total_seconds())),
    )


def _server_of(error: ProviderError, form: Form) -> str:
    # A client says which server spoke by the first word of `words`; with one server alone there is no question.
    found = _SERVER_IN_WORDS.search(error.words)
    if found and found[1].lower() in form.servers:
        return found[1].lower()
    return form.servers[0] if len(form.servers) == 1 else ""


def _field_of(error: ProviderError, form: Form, server: str) -> str:
    if error.reason == "refused_login":
        return f"secret.{server}_password" if f"{server}_password" in form.secrets else "secret"
    return f"settings.{server}.host" if server else "settings"
