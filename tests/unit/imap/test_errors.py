from __future__ import annotations

import pytest

from services.providers.errors import ReauthRequired, Transient
from services.providers.imap import errors
from services.providers.imap.errors import Refused


@pytest.mark.parametrize(
    "words",
    [
        b"[AUTHENTICATIONFAILED] Authentication failed.",
        b"[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        b"[ALERT] Application-specific password required",
        b"[EXPIRED] Password expired",
        b"[AUTHORIZATIONFAILED] temporarily not for you",
        b"LOGIN failed.",
        b"",
    ],
)
def test_a_refused_password_asks_for_the_person(words: bytes) -> None:
    answer = errors.refused_login(Refused("LOGIN", "NO", words))
    assert isinstance(answer, ReauthRequired)
    assert answer.words == words.decode()


@pytest.mark.parametrize(
    "words",
    [
        b"[UNAVAILABLE] Temporary authentication failure.",
        b"[LIMIT] Too many connections",
        b"[INUSE] Mailbox is in use",
        b"[SERVERBUG] Internal error",
        b"[ALERT] Too many simultaneous connections. (Failure)",
        b"Server error - Please try again later",
        b"User is authenticated but not connected.",
        b"Maximum number of connections from user+IP exceeded",
    ],
)
def test_a_server_that_cannot_now_is_asked_again(words: bytes) -> None:
    assert isinstance(errors.refused_login(Refused("LOGIN", "NO", words)), Transient)


def test_a_login_that_was_not_understood_blames_nobodys_password() -> None:
    assert isinstance(errors.refused_login(Refused("LOGIN", "BAD", b"What?")), Transient)


def test_a_crowded_server_is_left_alone_for_a_while() -> None:
    crowded = errors.refused_login(Refused("LOGIN", "NO", b"[LIMIT] Too many connections"))
    assert isinstance(crowded, Transient)
    assert crowded.retry_after is not None


def test_a_token_that_expired_under_way_is_no_refused_login() -> None:
    assert errors.farewell(b"Session expired: AccessTokenExpired").reason == "token_expired"


def test_a_servers_words_are_one_short_printable_line() -> None:
    words = errors.words_of(b"bad \x1b[31m\x00\xff" + b"x" * 1000)
    assert words.isprintable()
    assert len(words) <= 300
