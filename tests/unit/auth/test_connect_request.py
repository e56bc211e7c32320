"""A request to connect names the field at fault and the remedy, completes what it can, and keeps secrets apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.auth.domain.connect_request import ConnectRequest, read_display_name, read_request
from services.auth.domain.forms import FORMS
from services.auth.domain.proving import refusal_of
from services.auth.domain.refusals import Invalid, NotProved
from services.providers.errors import Permanent, Transient

SETTINGS: dict[str, dict[str, Any]] = {
    "smtp": {"host": "smtp.example.com", "port": 587},
    "imap": {"host": "imap.example.com", "port": 993},
}


def request(**changed: Any) -> ConnectRequest:
    given: dict[str, Any] = {
        "client": "smtp_imap",
        "address": "ada@example.com",
        "display_name": "Ada",
        "settings": SETTINGS,
        "secret": {"password": "hunter2"},
    }
    return ConnectRequest(**{**given, **changed})


def refused(**changed: Any) -> Invalid:
    with pytest.raises(Invalid) as error:
        read_request(request(**changed), ("smtp_imap",))
    assert error.value.detail
    assert error.value.remedy
    return error.value


def test_user_name_and_protection_are_filled_in_and_one_password_serves_both_servers() -> None:
    candidate = read_request(request(), ("smtp_imap",))
    assert candidate.settings["smtp"] == {
        "host": "smtp.example.com", "port": 587, "username": "ada@example.com", "security": "starttls"
    }  # fmt: skip
    assert candidate.settings["imap"]["security"] == "tls"
    assert candidate.secret == {"smtp_password": "hunter2", "imap_password": "hunter2"}
    assert json.loads(candidate.sealable()) == candidate.secret


def test_what_a_person_says_is_not_overruled() -> None:
    smtp = {"host": "smtp.example.com", "port": 2525, "username": "ada", "security": "plain"}
    candidate = read_request(request(settings={**SETTINGS, "smtp": smtp}), ("smtp_imap",))
    assert candidate.settings["smtp"] == smtp
    secret = {"smtp_password": "one", "password": "two"}
    assert read_request(request(secret=secret), ("smtp_imap",)).secret == {
        "smtp_password": "one", "imap_password": "two"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"client": "gopher"}, "client"),
        ({"client": "gmail"}, "client"),
        ({"address": "ada"}, "address"),
        ({"display_name": "Ada\r\nBcc: eve@example.org"}, "display_name"),
        ({"display_name": "x" * 201}, "display_name"),
        ({"settings": {}}, "settings.smtp"),
        ({"settings": {"smtp": SETTINGS["smtp"]}}, "settings.imap"),
        ({"settings": {**SETTINGS, "imap": "imap.example.com"}}, "settings.imap"),
        ({"settings": {**SETTINGS, "padding": "x" * 20_000}}, "settings"),
        ({"secret": {}}, "secret.smtp_password"),
        ({"secret": {"smtp_password": "x"}}, "secret.imap_password"),
        ({"secret": {"password": ""}}, "secret.smtp_password"),
        ({"secret": {"password": "a\r\nQUIT"}}, "secret.smtp_password"),
        ({"secret": {"password": "x" * 5000}}, "secret.smtp_password"),
        ({"secret": {"password": "x", "hunter2": "y"}}, "secret"),
    ],
)
def test_what_is_wrong_is_named_by_its_field_with_a_remedy(changed: dict[str, Any], field: str) -> None:
    assert refused(**changed).field == field


@pytest.mark.parametrize("name", ["password", "smtp_password", "Passwd", "access_token", "client_secret"])
def test_a_password_among_the_settings_is_refused_because_settings_are_kept_in_clear(name: str) -> None:
    smtp = {**SETTINGS["smtp"], name: "hunter2"}
    error = refused(settings={**SETTINGS, "smtp": smtp})
    assert error.field == f"settings.smtp.{name}"
    assert "hunter2" not in f"{error.detail} {error.remedy}"


def test_a_request_shows_no_secret_when_printed() -> None:
    assert "hunter2" not in repr(request())
    assert "hunter2" not in repr(read_request(request(), ("smtp_imap",)))


def test_a_name_may_be_international_and_is_trimmed() -> None:
    assert read_display_name("  Zoë 李 ") == "Zoë 李"


def test_a_refused_login_says_which_server_said_what_and_which_field_to_mend() -> None:
    error = Permanent(
        "refused_login",
        words="The IMAP server imap.example.com:993 said: NO [AUTHENTICATIONFAILED] no",
        code="NO",
        remedy="Check it.",
    )
    refusal = refusal_of(error, FORMS["smtp_imap"], SETTINGS)
    assert isinstance(refusal, NotProved)
    assert (refusal.field, refusal.again) == ("secret.imap_password", False)
    assert "IMAP server" in refusal.detail
    assert (refusal.server_words, refusal.server_code, refusal.remedy) == (error.words, "NO", "Check it.")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("imap.example.com:993 cannot be used as a mail server", "settings.imap.host"),
        ("smtp.example.com belongs to Exchange Online", "settings.smtp.host"),
        ("The IMAP server x:993 failed. The SMTP server y:587 failed.", "settings.imap.host"),
        ("nobody knows", "settings"),
    ],
)
def test_the_field_is_that_of_the_server_the_words_are_about(words: str, field: str) -> None:
    assert refusal_of(Permanent("refused_host", words=words), FORMS["smtp_imap"], SETTINGS).field == field


def test_unusable_settings_are_named_by_their_path() -> None:
    error = Permanent("invalid_settings", words="smtp.port: Input should be less than or equal to 65535")
    refusal = refusal_of(error, FORMS["smtp_imap"], SETTINGS)
    assert isinstance(refusal, Invalid)
    assert refusal.field == "settings.smtp.port"


def test_an_outage_of_the_mail_server_may_be_tried_again() -> None:
    error = Transient("host_unavailable", words="smtp.example.com:587 does not answer")
    refusal = refusal_of(error, FORMS["smtp_imap"], SETTINGS)
    assert isinstance(refusal, NotProved)
    assert refusal.again
