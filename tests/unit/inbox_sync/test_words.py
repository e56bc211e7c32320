"""What is said of failures: enough to act on, and nothing of anybody's mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from replywire_contracts.v1.values import Failure

from services.inbox_sync.domain import stalls, words
from services.inbox_sync.engine.explaining import explained
from services.inbox_sync.ports import JudgeUnavailable
from services.providers.errors import Transient

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUOTED = "Subject: my secret from ada@example.org"


def test_the_servers_words_are_repeated_where_no_mail_can_be_in_them() -> None:
    error = Transient("host_unavailable", words="imap.example.com:993 does not answer", remedy="Check the host.")
    told = explained(error, was_open=False)
    assert (told.reason, told.words, told.remedy) == (error.reason, error.words, error.remedy)


def test_with_the_mailbox_open_nothing_is_quoted() -> None:
    for error in (
        Transient("imap_refused", words=QUOTED, code=QUOTED, remedy=QUOTED),
        Transient(QUOTED),
        ValueError(QUOTED),
        TimeoutError(QUOTED),
        JudgeUnavailable(QUOTED),
    ):
        assert "secret" not in explained(error, was_open=True).model_dump_json()


def test_the_log_says_where_and_not_what() -> None:
    try:
        raise ValueError(QUOTED)
    except ValueError as error:
        said = words.origin(error)
    assert said.startswith("ValueError at inbox_sync/test_words.py:")
    assert "secret" not in said


def test_a_stall_is_due_once_and_late_enough() -> None:
    patience = timedelta(minutes=5)
    first = stalls.worse(None, Failure(reason="one"), NOW)
    later = stalls.worse(first, Failure(reason="two"), NOW + timedelta(minutes=4))
    assert (later.since, later.failure.reason) == (NOW, "two")
    assert not stalls.due(later, NOW + timedelta(minutes=4), patience)
    assert stalls.due(later, NOW + timedelta(minutes=5), patience)
    assert not stalls.due(stalls.Trouble(NOW, later.failure, announced=True), NOW + patience, patience)
