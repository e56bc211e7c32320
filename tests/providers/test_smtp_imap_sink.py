"""Submissions into Postfix's smtp-sink, well and badly behaved: what comes of each, and what its ledger holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.providers.errors import OutcomeUnknown, Permanent, ProviderError, Scope, Transient
from services.providers.smtp.timeouts import Timeouts
from services.send.domain.mime import freeze
from tests.servers.smtp_sink import SmtpSink
from tests.unit.mime.drafts import draft
from tests.unit.smtp.accounts import OUTGOING, Noted, credentials, numbered, sender


@contextlib.asynccontextmanager
async def sinking(folder: Path, *options: str) -> AsyncIterator[SmtpSink]:
    sink = SmtpSink(folder, options)
    await sink.start()
    try:
        yield sink
    finally:
        await sink.stop()


@pytest.mark.parametrize(
    "options", [(), ("-p",), ("-a",), ("-8", "-N")], ids=["all", "no pipelining", "no AUTH", "old"]
)
async def test_a_rendered_message_is_taken_as_it_is(options: tuple[str, ...], tmp_path: Path) -> None:
    outgoing = freeze(draft(subject="Grüße", text=".\n..\n.dot\nFrom here\n", html="<p>é</p>"))
    async with sinking(tmp_path, *options) as sink:
        send = sender(sink.port)
        submitted = await send.submit(outgoing, credentials(sink.port), Noted())
        taken = (await sink.wait_for(1))[0]
        assert taken.message.endswith(outgoing.mime.replace(b"\r\n", b"\n") + b"\n")
        assert taken.recipients == outgoing.envelope.recipients
        assert submitted.recipients[0].accepted
        await send.close()


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (("-f", "CONNECT"), Transient),
        (("-f", "EHLO"), Transient),
        (("-f", "MAIL"), Permanent),
        (("-f", "RCPT"), Permanent),
        (("-f", "DATA"), Permanent),
        (("-f", "."), Permanent),
        (("-r", "CONNECT"), Transient),
        (("-r", "EHLO"), Transient),
        (("-r", "MAIL"), Transient),
        (("-r", "RCPT"), Transient),
        (("-r", "DATA"), Transient),
        (("-r", "."), Transient),
        (("-Q", "CONNECT"), Transient),
        (("-Q", "MAIL"), Transient),
        (("-Q", "RCPT"), Transient),
        (("-Q", "DATA"), Transient),
        (("-Q", "."), Transient),
        (("-q", "CONNECT"), Transient),
        (("-q", "EHLO"), Transient),
        (("-q", "MAIL"), Transient),
        (("-q", "RCPT"), Transient),
        (("-q", "DATA"), Transient),
        (("-q", "."), OutcomeUnknown),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value.__name__,
)
async def test_each_refusal_is_the_right_instruction_and_nothing_is_sent_before_the_dot(
    options: tuple[str, ...], kind: type[ProviderError], tmp_path: Path
) -> None:
    async with sinking(tmp_path, *options) as sink:
        send = sender(sink.port)
        noted = Noted()
        with pytest.raises(ProviderError) as error:
            await send.submit(OUTGOING, credentials(sink.port), noted)
        assert type(error.value) is kind
        if options[0] == "-Q" and isinstance(error.value, Transient):
            assert error.value.scope is Scope.HOST
        await send.close()
        if options[1] != ".":  # the sink writes its ledger at the dot, whatever it then answers
            assert sink.taken() == []
        assert noted.committed == (options[1] == ".")


async def test_a_sink_frozen_after_the_dot_is_unknown_and_the_ledger_may_hold_it(tmp_path: Path) -> None:
    async with sinking(tmp_path, "-W", ".:3") as sink:
        send = sender(sink.port, timeouts=Timeouts(final=0.3))
        with pytest.raises(OutcomeUnknown):
            await send.submit(OUTGOING, credentials(sink.port), Noted())
        await send.close()


async def test_a_sink_that_is_replaced_between_messages_is_found_again(tmp_path: Path) -> None:
    async with sinking(tmp_path) as sink:
        send = sender(sink.port)
        await send.submit(numbered(1), credentials(sink.port), Noted())
        await sink.stop()
        with pytest.raises(Transient):
            await send.submit(numbered(2), credentials(sink.port), Noted())
        await sink.start()
        await send.submit(numbered(2), credentials(sink.port), Noted())
        assert sorted(taken.message_id for taken in await sink.wait_for(2)) == ["<1@example.com>", "<2@example.com>"]
        await send.close()


async def test_a_thousand_messages_of_ten_accounts_are_each_taken_once(tmp_path: Path) -> None:
    async with sinking(tmp_path) as sink:
        send = sender(sink.port)

        async def one(number: int) -> None:
            await send.submit(numbered(number), credentials(sink.port, account=f"a{number % 10}"), Noted())

        await asyncio.gather(*(one(number) for number in range(1000)))
        ids = [taken.message_id for taken in await sink.wait_for(1000)]
        assert sorted(ids) == sorted(numbered(number).message_id for number in range(1000))
        await send.close()
