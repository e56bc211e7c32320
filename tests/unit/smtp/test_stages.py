"""A submission that goes wrong at each stage: which instruction comes of it, and whether the server has the message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.providers.errors import OutcomeUnknown, Permanent, ProviderError, ReauthRequired, Scope, Transient
from services.providers.smtp_imap.send import SmtpImapSend
from services.providers.types import Phase
from tests.servers.scripted_smtp import DROP, HANG, At, Do, ScriptedSmtp, running, say
from tests.unit.smtp.accounts import HASTY, OUTGOING, Noted, credentials, numbered, outgoing, sender, to

BEFORE_THE_BODY = [At.CONNECT, At.EHLO, At.AUTH, At.MAIL, At.RCPT, At.DATA]
LARGE = outgoing(mime=OUTGOING.mime + b"line\r\n" * 3_000_000)
"""More than the socket's buffers hold, so that it is still under way when the server acts."""


@pytest.fixture(params=["pipelining", "one by one"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ScriptedSmtp]:
    scripted = ScriptedSmtp()
    if request.param == "one by one":
        scripted.extensions = scripted.extensions[1:]
    async with running(scripted):
        yield scripted


@pytest.fixture
async def send(server: ScriptedSmtp) -> AsyncIterator[SmtpImapSend]:
    send = sender(server.port)
    yield send
    await send.close()


@pytest.fixture
async def hasty(server: ScriptedSmtp) -> AsyncIterator[SmtpImapSend]:
    send = sender(server.port, timeouts=HASTY)
    yield send
    await send.close()


async def refused(send: SmtpImapSend, server: ScriptedSmtp, noted: Noted | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        async with asyncio.timeout(60):
            await send.submit(OUTGOING, credentials(server.port), noted or Noted())
    return error.value


async def test_a_message_arrives_as_it_was_rendered_and_every_phase_is_noted(
    send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    noted = Noted()
    submitted = await send.submit(OUTGOING, credentials(server.port), noted)
    assert noted.phases == list(Phase)
    assert [(each.sender, each.recipients, each.message) for each in server.ledger] == [
        ("ada@example.com", ("bob@example.org",), OUTGOING.mime)
    ]
    assert submitted.identities.message_ids == ("<1@example.com>",)
    assert [outcome.accepted for outcome in submitted.recipients] == [True]


@pytest.mark.parametrize("stage", BEFORE_THE_BODY)
async def test_a_connection_lost_before_the_dot_means_that_nothing_was_sent(
    stage: At, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(stage, DROP)
    noted = Noted()
    error = await refused(send, server, noted)
    assert isinstance(error, Transient)
    assert server.ledger == []
    assert not noted.committed
    # and the next attempt is not harmed
    await send.submit(OUTGOING, credentials(server.port), Noted())
    assert server.message_ids == ["<1@example.com>"]


async def test_a_connection_lost_in_the_middle_of_the_body_means_that_nothing_was_sent(
    send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(At.BODY, DROP)
    noted = Noted()
    with pytest.raises(Transient):
        await send.submit(LARGE, credentials(server.port), noted)
    assert not noted.committed
    assert server.ledger == []


@pytest.mark.parametrize("stage", BEFORE_THE_BODY)
async def test_silence_before_the_dot_ends_and_means_that_nothing_was_sent(
    stage: At, hasty: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(stage, HANG)
    noted = Noted()
    assert isinstance(await refused(hasty, server, noted), Transient)
    assert not noted.committed
    assert server.ledger == []


@pytest.mark.parametrize("stage", [At.CONNECT, At.EHLO, At.AUTH, At.MAIL, At.RCPT, At.DATA, At.DOT])
async def test_a_4xx_at_any_stage_is_tried_again_later(stage: At, send: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(stage, say("451 4.3.0 not now"))
    error = await refused(send, server)
    assert isinstance(error, Transient)
    assert error.code == "451 4.3.0"
    assert "not now" in error.words
    assert server.ledger == []


@pytest.mark.parametrize("stage", [At.CONNECT, At.EHLO, At.AUTH, At.MAIL, At.RCPT, At.DATA, At.DOT])
async def test_a_421_at_any_stage_pauses_the_host(stage: At, send: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(stage, say("421 4.3.2 shutting down", drop=True))
    error = await refused(send, server)
    assert isinstance(error, Transient)
    assert error.scope is Scope.HOST
    assert server.ledger == []


@pytest.mark.parametrize(
    ("stage", "reply", "kind", "reason"),
    [
        (At.AUTH, "535 5.7.8 bad credentials", ReauthRequired, "refused_login"),
        (At.AUTH, "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant", ReauthRequired, "basic_auth_off"),
        (At.AUTH, "454 4.7.0 too many login attempts", Transient, "login_unavailable"),
        (At.MAIL, "530 5.7.0 authentication required", ReauthRequired, "refused_login"),
        (At.MAIL, "550 5.7.1 not your address", Permanent, "refused_sender"),
        (At.MAIL, "550 5.4.5 daily user sending limit exceeded", Transient, "quota_reached"),
        (At.MAIL, "552 5.3.4 too big", Permanent, "too_large"),
        (At.MAIL, "503 5.5.1 out of order", Transient, "deferred_by_server"),
        (At.RCPT, "550 5.1.1 no such user", Permanent, "refused_recipient"),
        (At.RCPT, "450 4.2.0 greylisted, try again in 300 seconds", Transient, "greylisted"),
        (At.DATA, "554 5.5.1 no", Permanent, "refused_by_server"),
        (At.DOT, "554 5.7.1 looks like spam", Permanent, "refused_content"),
        (At.DOT, "452 4.3.1 disk full", Transient, "deferred_by_server"),
    ],
)
async def test_a_refusal_at_its_stage_says_what_to_do(
    stage: At, reply: str, kind: type[ProviderError], reason: str, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(stage, say(reply))
    error = await refused(send, server)
    assert type(error) is kind
    assert error.reason == reason
    assert server.ledger == []


async def test_a_connection_kept_after_a_refusal_carries_the_next_message(
    send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    for stage in (At.MAIL, At.RCPT, At.DATA, At.DOT):
        server.on(stage, say("550 5.0.0 no"))
        await refused(send, server)
    await send.submit(OUTGOING, credentials(server.port), Noted())
    assert server.message_ids == ["<1@example.com>"]


async def test_the_dot_swallowed_is_unknown_though_the_server_has_it(send: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(At.DOT, Do(say=b"", drop=True, accept=True))
    noted = Noted()
    assert isinstance(await refused(send, server, noted), OutcomeUnknown)
    assert noted.phases[-1] is Phase.COMMITTED
    assert server.message_ids == ["<1@example.com>"]


async def test_the_dot_lost_is_unknown_though_the_server_has_nothing(send: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(At.DOT, DROP)
    assert isinstance(await refused(send, server), OutcomeUnknown)
    assert server.ledger == []


async def test_silence_after_the_dot_is_unknown(hasty: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(At.DOT, Do(hang=True, accept=True))
    error = await refused(hasty, server)
    assert isinstance(error, OutcomeUnknown)
    assert server.message_ids == ["<1@example.com>"]


@pytest.mark.parametrize("answer", [b"25", b"250-2.0.0 Ok\r\n", b"250-almost"])
async def test_a_connection_lost_in_the_middle_of_the_last_reply_is_unknown(
    answer: bytes, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(At.DOT, Do(say=answer, drop=True, accept=True))
    assert isinstance(await refused(send, server), OutcomeUnknown)


@pytest.mark.parametrize(
    "answer", [b"999 what\r\n", b"OK\r\n", b"\r\n", b"354 more\r\n", b"<html>\r\n", b"\xff\xfe\r\n"]
)
async def test_an_answer_to_the_dot_that_is_none_is_unknown(
    answer: bytes, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(At.DOT, Do(say=answer, accept=True))
    assert isinstance(await refused(send, server), OutcomeUnknown)


@pytest.mark.parametrize("stage", [At.CONNECT, At.EHLO, At.AUTH, At.MAIL, At.RCPT, At.DATA])
@pytest.mark.parametrize("answer", [b"999 what\r\n", b"hello\r\n", b"199 x\r\n", b"2\r\n"])
async def test_garbage_before_the_dot_is_tried_again_later(
    stage: At, answer: bytes, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(stage, Do(say=answer))
    assert isinstance(await refused(send, server), Transient)
    assert server.ledger == []


@pytest.mark.parametrize("stage", [At.CONNECT, At.EHLO, At.AUTH, At.MAIL, At.RCPT, At.DATA, At.DOT])
@pytest.mark.parametrize("line", [b"250-" + b"x" * 2_000_000, b"250-x\r\n" * 300_000], ids=["one line", "many lines"])
async def test_a_reply_of_two_megabytes_is_not_read_to_its_end(
    stage: At, line: bytes, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(stage, Do(say=line, accept=True))
    error = await refused(send, server)
    assert isinstance(error, OutcomeUnknown if stage is At.DOT else Transient)
    assert len(error.words) < 1000


@pytest.mark.parametrize("stage", [At.EHLO, At.AUTH, At.MAIL, At.RCPT, At.DATA])
async def test_a_reply_that_comes_octet_by_octet_ends_at_the_time_limit(
    stage: At, hasty: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(stage, Do(say=b"250 2.0.0 Ok, but not so fast\r\n", pause=0.2))
    error = await refused(hasty, server)
    assert isinstance(error, Transient)
    assert error.reason == "timeout"
    assert server.ledger == []


async def test_slow_octets_within_the_limit_are_an_answer(send: SmtpImapSend, server: ScriptedSmtp) -> None:
    for stage in (At.CONNECT, At.MAIL, At.DOT):
        server.on(stage, Do(pause=0.01))
    await send.submit(OUTGOING, credentials(server.port), Noted())
    assert len(server.ledger) == 1


async def test_a_refusal_in_the_middle_of_the_body_is_heard_and_the_dot_is_never_written(
    send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(At.BODY, say("552 5.3.4 too big", drop=True))
    noted = Noted()
    with pytest.raises(Permanent) as error:
        await send.submit(LARGE, credentials(server.port), noted)
    assert error.value.reason == "too_large"
    assert not noted.committed
    assert server.ledger == []


async def test_a_server_that_stops_reading_ends_the_body_without_a_dot(
    hasty: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(At.BODY, HANG)
    noted = Noted()
    with pytest.raises(Transient):
        async with asyncio.timeout(60):
            await hasty.submit(LARGE, credentials(server.port), noted)
    assert not noted.committed
    assert server.ledger == []


async def test_an_acceptance_before_the_dot_is_not_believed(send: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(At.DATA, Do(also=b"250 2.0.0 Ok\r\n"))
    noted = Noted()
    error = await refused(send, server, noted)
    assert isinstance(error, Transient)
    assert not noted.committed
    assert server.ledger == []


async def test_each_recipient_is_reported(send: SmtpImapSend, server: ScriptedSmtp) -> None:
    server.on(At.RCPT, Do(), say("550 5.1.1 no such user"), say("452 4.5.3 too many"), Do())
    submitted = await send.submit(
        to("a@example.org", "b@example.org", "c@example.org", "d@example.org"), credentials(server.port), Noted()
    )
    assert [(each.address[0], each.accepted, each.code) for each in submitted.recipients] == [
        ("a", True, "250 2.1.5"),
        ("b", False, "550 5.1.1"),
        ("c", False, "452 4.5.3"),
        ("d", True, "250 2.1.5"),
    ]
    assert server.ledger[0].recipients == ("a@example.org", "d@example.org")


async def test_all_recipients_refused_is_later_if_one_may_be_taken_later(
    send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    server.on(At.RCPT, say("550 5.1.1 no such user"), say("451 4.7.1 later"))
    with pytest.raises(Transient):
        await send.submit(to("a@example.org", "b@example.org"), credentials(server.port), Noted())
    server.always(At.RCPT, say("550 5.1.1 no such user"))
    with pytest.raises(Permanent):
        await send.submit(to("a@example.org", "b@example.org"), credentials(server.port), Noted())
    assert server.ledger == []


async def test_data_taken_though_all_recipients_were_refused_sends_nothing(
    send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    # The server forgets that it refused: its 354 must not be followed by a dot.
    server.on(At.RCPT, say("550 5.1.1 no such user"))
    server.on(At.DATA, say("354 Go on"))
    await refused(send, server)
    await send.submit(OUTGOING, credentials(server.port), Noted())
    assert server.message_ids == ["<1@example.com>"]


@pytest.mark.parametrize("phase", [Phase.CONNECTED, Phase.RECIPIENTS_ACCEPTED, Phase.BODY, Phase.COMMITTING])
async def test_a_checkpoint_that_fails_before_the_dot_sends_nothing(
    phase: Phase, send: SmtpImapSend, server: ScriptedSmtp
) -> None:
    def lost_the_lease() -> None:
        raise LookupError("another replica holds the lease")

    with pytest.raises(LookupError):
        await send.submit(OUTGOING, credentials(server.port), Noted(at={phase: lost_the_lease}))
    # What was begun is cut off, not finished by the next message on the same connection.
    await send.submit(
        outgoing(message_id="<2@example.com>", mime=OUTGOING.mime.replace(b"<1@", b"<2@")),
        credentials(server.port),
        Noted(),
    )
    assert server.message_ids == ["<2@example.com>"]


@pytest.mark.parametrize("stage", [At.MAIL, At.DATA])
async def test_a_cancelled_submission_sends_nothing(stage: At, send: SmtpImapSend, server: ScriptedSmtp) -> None:
    gate = asyncio.Event()
    server.on(stage, Do(wait=gate))
    noted = Noted()
    task = asyncio.create_task(send.submit(OUTGOING, credentials(server.port), noted))
    async with asyncio.timeout(30):
        while not server.said("MAIL"):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert not noted.committed
    await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.message_ids == ["<2@example.com>"]
