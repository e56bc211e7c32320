"""A mailbox's health in plain words, from auth's state and what the reader tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from replywire_contracts.v1.rpc import MailboxState
from replywire_contracts.v1.sending import SendingState
from replywire_contracts.v1.values import Failure, Progress

from services.auth.domain.account import Account, ProvedMailbox, Rejection, State, connect, disconnect, reject
from services.auth.domain.returning import returned
from services.auth.pages.health import health_of
from services.runtime.envelopes import SealedBox

_NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


def account() -> Account:
    mailbox = ProvedMailbox("smtp_imap", "ada@example.com", "", {}, (), "user-1")
    return connect("acc_1", "acme", mailbox, SealedBox("k1", b"", b""), _NOW)


def reading(state: str, **more: Any) -> MailboxState:
    return MailboxState(state=state, explanation="Connecting to the mail server.", **more)


@pytest.mark.parametrize(
    ("seen", "tone", "title"),
    [
        (reading("watching", complete=True, synced_to=_NOW), "good", "Connected"),
        (reading("connecting"), "busy", "Starting"),
        (reading("first_sync", progress=Progress(done=10, remaining=30)), "busy", "First sync"),
        (reading("stalled", failure=Failure(reason="host_unavailable"), failing_since=_NOW), "warning", "Trouble"),
        (reading("something_new"), "busy", "Starting"),
        (None, "busy", "Starting"),
    ],
)
def test_what_the_reader_tells_is_told_in_plain_words(seen: MailboxState | None, tone: str, title: str) -> None:
    health = health_of(account(), seen)
    assert (health.tone, health.title) == (tone, title)
    assert health.sentence.endswith(".")


def test_a_first_sync_tells_how_far_it_is_and_never_that_it_is_done_before_it_is() -> None:
    health = health_of(account(), reading("first_sync", progress=Progress(done=999, remaining=1)))
    assert (health.done, health.total, health.percent, health.settled) == (999, 1000, 99, False)
    assert health_of(account(), reading("first_sync", progress=Progress(done=7))).percent is None


def test_a_refusal_comes_before_whatever_the_reader_says() -> None:
    rejection = Rejection("refused_login", "535", "No.", "Connect it again.", _NOW)
    refused = reject(account(), 1, rejection)
    assert refused is not None
    health = health_of(refused, reading("watching", complete=True))
    assert health.title == "Needs you"
    assert health.trouble is not None
    assert (health.trouble.sentence, health.trouble.words) == ("The mail server refused the login.", "No.")


_LATER = datetime(2026, 1, 31, 10, tzinfo=UTC)
_QUOTA = Failure(reason="quota_reached", code="550 5.4.5", words="Daily user sending limit exceeded.", remedy="Wait.")


def test_sending_that_waits_is_told_with_why_and_until_when() -> None:
    health = health_of(account(), reading("watching"), SendingState(waits_until=_LATER, failure=_QUOTA))
    assert (health.tone, health.title) == ("warning", "Sending waits")
    assert health.waiting is not None
    assert (health.waiting.until, health.waiting.words) == (_LATER, "Daily user sending limit exceeded.")
    assert "limit" in health.waiting.sentence
    assert health_of(account(), reading("watching"), SendingState()).title == "Connected"


def test_a_limit_that_the_team_chose_is_told_and_is_no_trouble() -> None:
    slow = SendingState(waits_until=_LATER, failure=Failure(reason="rate_limited", words="6 messages a minute"))
    health = health_of(account(), reading("watching"), slow)
    assert (health.tone, health.title) == ("good", "Connected")
    assert health.waiting is not None
    assert health.waiting.words == "6 messages a minute"


def test_reading_in_trouble_is_not_hidden_by_sending_that_waits() -> None:
    stalled = reading("stalled", failure=Failure(reason="host_unavailable"), failing_since=_NOW)
    health = health_of(account(), stalled, SendingState(waits_until=_LATER, failure=_QUOTA))
    assert health.title == "Trouble"
    assert health.trouble is not None
    assert health.waiting is not None


def test_a_disconnected_mailbox_is_nothing_else() -> None:
    gone = disconnect(account(), _NOW)
    assert gone is not None
    assert gone.state is State.DISCONNECTED
    assert health_of(gone, reading("watching")).title == "Disconnected"


def test_who_does_not_answer_worries_nobody() -> None:
    health = health_of(account(), None, asked=False)
    assert (health.tone, health.settled) == ("good", False)


@pytest.mark.parametrize(
    ("return_to", "address"),
    [
        ("https://app.example.com", "https://app.example.com?status=connected&account_id=a"),
        (
            "https://app.example.com/x?q=1&empty=#top",
            "https://app.example.com/x?q=1&empty=&status=connected&account_id=a#top",
        ),
        ("https://app.example.com/?status=x&account_id=y", "https://app.example.com/?status=connected&account_id=a"),
    ],
)
def test_the_way_back_keeps_the_products_own_query(return_to: str, address: str) -> None:
    assert returned(return_to, "connected", "a") == address
    assert returned(return_to) == return_to
