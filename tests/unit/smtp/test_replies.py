"""The table of replies: code first, enhanced code second, words last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.errors import Permanent, ProviderError, ReauthRequired, Scope, Transient
from services.providers.smtp.learnt import identities_after
from services.providers.smtp.replies import Reply, Stage, error_of, wait_named_in
from tests.unit.smtp.accounts import OUTGOING

MESSAGE, MAILBOX, HOST = Scope.MESSAGE, Scope.MAILBOX, Scope.HOST


@pytest.mark.parametrize(
    ("stage", "line", "scope", "reason"),
    [
        (Stage.GREETING, "421 4.7.0 too many connections from your IP", HOST, "host_unavailable"),
        (Stage.GREETING, "554 5.7.1 no SMTP service here", HOST, "host_unavailable"),
        (Stage.EHLO, "451 4.3.0 dns", HOST, "host_unavailable"),
        (Stage.LOGIN, "454 4.7.0 Temporary authentication failure", MAILBOX, "login_unavailable"),
        (Stage.LOGIN, "421 4.4.2 timeout", HOST, "host_unavailable"),
        (Stage.LOGIN, "535 5.7.0 Too many login attempts, try again later", MAILBOX, "login_throttled"),
        (Stage.MAIL, "421 4.3.2 shutting down", HOST, "host_unavailable"),
        (Stage.MAIL, "450 4.7.1 too many concurrent connections", HOST, "host_unavailable"),
        (Stage.MAIL, "450 4.2.1 sending rate limit", MAILBOX, "rate_limited"),
        (Stage.MAIL, "454 Throttling failure: Maximum sending rate exceeded.", MAILBOX, "rate_limited"),
        (Stage.MAIL, "503 5.5.1 sequence", MESSAGE, "deferred_by_server"),
        (Stage.RCPT, "451 4.7.1 Greylisting in action", MESSAGE, "greylisted"),
        (Stage.RCPT, "452 4.5.3 Too many recipients", MESSAGE, "too_many_recipients"),
        (Stage.RCPT, "450 4.2.1 The user is receiving mail too quickly", MESSAGE, "deferred_by_server"),
        (Stage.RCPT, "550 5.4.5 Daily sending quota exceeded", MAILBOX, "quota_reached"),
        (Stage.FINAL, "550 5.4.5 Daily user sending limit exceeded.", MAILBOX, "quota_reached"),
        (Stage.FINAL, "550 5.4.6 Unusual sending activity detected.", MAILBOX, "quota_reached"),
        (Stage.FINAL, "550 5.1.90 reached your daily limit for message recipients", MAILBOX, "quota_reached"),
        (Stage.FINAL, "554 Message rejected: Daily message quota exceeded.", MAILBOX, "quota_reached"),
        (Stage.FINAL, "554 5.2.0 STOREDRV; SubmissionQuotaExceededException", MAILBOX, "quota_reached"),
        (Stage.MAIL, "550 Domain example.com has exceeded the max emails per hour (50/50)", MAILBOX, "quota_reached"),
        (Stage.FINAL, "432 4.3.2 STOREDRV; sender thread limit exceeded", MESSAGE, "deferred_by_server"),
        (Stage.FINAL, "451 4.3.0 queue file write error", MESSAGE, "deferred_by_server"),
        (Stage.FINAL, "452 4.3.1 Insufficient system storage", MESSAGE, "deferred_by_server"),
    ],
)
def test_what_passes_is_tried_again_within_its_scope(stage: Stage, line: str, scope: Scope, reason: str) -> None:
    error = error_of(read(line), stage)
    assert isinstance(error, Transient)
    assert (error.scope, error.reason) == (scope, reason)


@pytest.mark.parametrize(
    ("stage", "line", "reason"),
    [
        (Stage.MAIL, "550 5.7.1 sender not owned by user", "refused_sender"),
        (Stage.MAIL, "552 5.3.4 Message size exceeds fixed limit", "too_large"),
        (Stage.RCPT, "550 5.1.1 no such user", "refused_recipient"),
        (Stage.RCPT, "553 5.1.3 bad address", "refused_recipient"),
        (Stage.RCPT, "552 5.2.2 mailbox full, quota exceeded", "mailbox_full"),
        (Stage.RCPT, "550 user has exceeded their message quota", "refused_recipient"),
        (Stage.FINAL, "554 5.7.1 spam", "refused_content"),
        (Stage.FINAL, "550 5.7.350 suspicious", "refused_content"),
        (Stage.FINAL, "552 5.3.4 too big", "too_large"),
        (Stage.FINAL, "554 5.2.252 SendAsDenied; not allowed to send as other@example.com", "refused_sender"),
        (Stage.FINAL, "554 no", "refused_by_server"),
    ],
)
def test_what_is_refused_for_good_says_why(stage: Stage, line: str, reason: str) -> None:
    error = error_of(read(line), stage)
    assert isinstance(error, Permanent)
    assert error.reason == reason
    assert error.remedy


@pytest.mark.parametrize(
    ("stage", "line", "remedy"),
    [
        (Stage.LOGIN, "535 5.7.8 Username and Password not accepted", "password"),
        (Stage.LOGIN, "534 5.7.9 Application-specific password required", "app password"),
        (Stage.LOGIN, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", "Microsoft 365"),
        (Stage.MAIL, "550 5.7.30 Basic authentication is not supported for Client Submission.", "Microsoft 365"),
        (Stage.MAIL, "530 5.7.0 Authentication required", "again"),
        (Stage.LOGIN, "504 5.5.4 mechanism", "no way of logging in"),
        (Stage.LOGIN, "432 4.7.12 A password transition is needed", "Log in"),
    ],
)
def test_what_only_the_person_can_mend_stops_the_mailbox(stage: Stage, line: str, remedy: str) -> None:
    error = error_of(read(line), stage)
    assert isinstance(error, ReauthRequired)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted, please try again in 300 seconds", 300),
        ("try again after 5 minutes", 300),
        ("wait 2 hours", 7200),
        ("wait for 30 s", 30),
        ("in 999999 hours", 86400),
        ("come back later", None),
    ],
)
def test_a_time_named_in_words_is_kept(text: str, seconds: int | None) -> None:
    assert wait_named_in(text) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.integers(-5, 1005), st.text(max_size=300), st.sampled_from(Stage))
def test_every_reply_is_an_instruction_with_bounded_printable_words(code: int, text: str, stage: Stage) -> None:
    error = error_of(Reply(code, text), stage)
    assert isinstance(error, ProviderError)
    assert len(error.words) <= 500
    assert error.words.isprintable()
    assert len(error.code) <= 20
    if 400 <= code < 500 and code not in {432}:
        assert not isinstance(error, Permanent)


@pytest.mark.parametrize("text", ["x" * 200_000, "exceeded " * 20_000, "limit " * 30_000, "too many\n" * 20_000])
def test_long_words_cost_no_time(text: str) -> None:
    for stage in Stage:
        error_of(Reply(550, text[: 64 * 1024]), stage)


@pytest.mark.parametrize(
    ("host", "line", "learnt"),
    [
        (
            "email-smtp.eu-west-1.amazonaws.com",
            "250 Ok 0102018f2b7c8f3e-1a2b-000000",
            "<0102018f2b7c8f3e-1a2b-000000@eu-west-1.amazonses.com>",
        ),
        (
            "email-smtp.us-east-1.amazonaws.com",
            "250 Ok 0100018f2b7c8f3e-1a2b-000000",
            "<0100018f2b7c8f3e-1a2b-000000@email.amazonses.com>",
        ),
        (
            "smtp.office365.com",
            "250 2.0.0 OK <AM0PR01.eurprd01@AM0PR01MB1.eurprd01.prod.outlook.com> [Hostname=AM0]",
            "<AM0PR01.eurprd01@AM0PR01MB1.eurprd01.prod.outlook.com>",
        ),
        ("mail.example.com", "250 Ok 0102018f2b7c8f3e-1a2b-000000", None),
        ("mail.example.com", "250 2.0.0 Ok: queued as 4F2A", None),
        ("email-smtp.eu-west-1.amazonaws.com.example.com", "250 Ok 0102018f2b7c8f3e-1a2b-000000", None),
    ],
)
def test_a_rewritten_message_id_is_learnt_from_the_final_reply(host: str, line: str, learnt: str | None) -> None:
    identities = identities_after(OUTGOING, read(line), host)
    assert identities.message_ids == (OUTGOING.message_id, *([learnt] if learnt else []))
    assert identities.marker == OUTGOING.marker


def read(line: str) -> Reply:
    return Reply(int(line[:3]), line[4:])
