"""Connections kept between messages: used again while they live, never when anything about them is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.providers.errors import OutcomeUnknown, Permanent, Transient
from services.providers.types import Phase
from tests.servers.scripted_smtp import DROP, At, Do, ScriptedSmtp, running, say
from tests.unit.smtp.accounts import PATIENT, Noted, credentials, numbered, sender


@pytest.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    async with running(ScriptedSmtp()) as scripted:
        yield scripted


async def test_a_connection_is_used_again_without_a_word_more(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    for number in range(5):
        await send.submit(numbered(number), credentials(server.port), Noted())
    assert server.connections == 1
    assert server.said("EHLO") == server.said("AUTH") == 1
    assert server.said("RSET") == server.said("NOOP") == 0
    assert len(server.ledger) == 5
    await send.close()


async def test_reset_comes_only_after_a_refused_envelope(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    server.on(At.RCPT, say("451 4.3.0 later"))
    with pytest.raises(Transient):
        await send.submit(numbered(1), credentials(server.port), Noted())
    await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.said("RSET") == 1
    assert server.connections == 1
    await send.close()


@pytest.mark.parametrize("leftover", [b"250 2.0.0 Ok\r\n", b"421 4.4.2 idle too long\r\n", b"x", b"\r\n"])
@pytest.mark.parametrize("when", ["in the same packet", "later"])
async def test_a_left_over_reply_is_never_taken_for_an_answer(leftover: bytes, when: str, server: ScriptedSmtp) -> None:
    send = sender(server.port)
    if when == "in the same packet":
        server.on(At.DOT, Do(also=leftover))
    await send.submit(numbered(1), credentials(server.port), Noted())
    if when == "later":
        server.say_unasked(leftover)
        await settled(server)
    server.on(At.DOT, say("554 5.7.1 spam"))
    with pytest.raises(Exception, match="refused_content"):
        await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.connections == 2
    assert server.message_ids == ["<1@example.com>"]
    await send.close()


async def test_a_left_over_reply_while_the_checkpoint_is_written_is_noticed_too(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    await send.submit(numbered(1), credentials(server.port), Noted())

    async def intrude() -> None:
        server.say_unasked(b"250 2.0.0 Ok\r\n")
        await settled(server)

    noted = Noted(at={Phase.CONNECTED: intrude})
    server.on(At.RCPT, say("550 5.1.1 no such user"))
    with pytest.raises(Permanent):
        await send.submit(numbered(2), credentials(server.port), noted)
    assert server.connections == 2
    assert server.message_ids == ["<1@example.com>"]
    await send.close()


async def settled(server: ScriptedSmtp) -> None:
    """Until what was written to a socket of this machine has been read."""
    for _ in range(20):
        await asyncio.sleep(0.002)


async def test_a_connection_that_the_server_closed_is_replaced_unnoticed(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    await send.submit(numbered(1), credentials(server.port), Noted())
    server.drop_all()
    await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.message_ids == ["<1@example.com>", "<2@example.com>"]
    await send.close()


@pytest.mark.parametrize("stage", [At.MAIL, At.RCPT, At.DATA])
@pytest.mark.parametrize("end", [DROP, say("421 4.4.2 idle too long", drop=True)], ids=["silently", "with 421"])
async def test_a_kept_connection_that_ends_as_it_is_used_is_replaced_once(
    stage: At, end: Do, server: ScriptedSmtp
) -> None:
    send = sender(server.port)
    await send.submit(numbered(1), credentials(server.port), Noted())
    server.on(stage, end)
    noted = Noted()
    if stage is At.MAIL or end is DROP:
        await send.submit(numbered(2), credentials(server.port), noted)
        assert server.message_ids == ["<1@example.com>", "<2@example.com>"]
    else:  # the server meant this message
        with pytest.raises(Transient):
            await send.submit(numbered(2), credentials(server.port), noted)
        assert server.message_ids == ["<1@example.com>"]
    await send.close()


async def test_a_kept_connection_that_ends_after_the_dot_is_unknown_and_not_repeated(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    await send.submit(numbered(1), credentials(server.port), Noted())
    server.on(At.DOT, Do(say=b"", drop=True, accept=True))
    with pytest.raises(OutcomeUnknown):
        await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.message_ids == ["<1@example.com>", "<2@example.com>"]
    await send.close()


async def test_a_fresh_connection_that_ends_is_not_tried_again_at_once(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    server.always(At.MAIL, DROP)
    with pytest.raises(Transient):
        await send.submit(numbered(1), credentials(server.port), Noted())
    assert server.connections == 1
    await send.close()


async def test_a_long_unused_connection_is_asked_whether_it_lives(server: ScriptedSmtp) -> None:
    send = sender(server.port, timeouts=replace(PATIENT, verify_after=0.0, verify=0.5))
    await send.submit(numbered(1), credentials(server.port), Noted())
    await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.said("NOOP") == 1
    server.on(At.NOOP, Do(hang=True))
    await send.submit(numbered(3), credentials(server.port), Noted())
    assert server.connections == 2
    assert len(server.ledger) == 3
    await send.close()


async def test_an_old_connection_is_not_used_again(server: ScriptedSmtp) -> None:
    send = sender(server.port, timeouts=replace(PATIENT, keep=0.0))
    await send.submit(numbered(1), credentials(server.port), Noted())
    await send.submit(numbered(2), credentials(server.port), Noted())
    assert server.connections == 2
    await send.close()


async def test_an_unused_connection_is_closed_after_its_time(server: ScriptedSmtp) -> None:
    send = sender(server.port, timeouts=replace(PATIENT, keep_idle=0.05))
    await send.submit(numbered(1), credentials(server.port), Noted())
    async with asyncio.timeout(30):
        while server.open:
            await asyncio.sleep(0.01)
    assert server.said("QUIT") == 1
    await send.close()


async def test_at_most_so_many_connections_serve_one_account(server: ScriptedSmtp) -> None:
    send = sender(server.port, connections=3)
    gate = asyncio.Event()
    server.always(At.DOT, Do(wait=gate))
    tasks = [
        asyncio.create_task(
            send.submit(
                numbered(n),
                credentials(server.port),
                Noted(),
            )
        )
        for n in range(9)
    ]
    async with asyncio.timeout(30):
        while server.said("DATA") < 3:
            await asyncio.sleep(0.01)
    await settled(server)
    assert server.connections == 3
    gate.set()
    await asyncio.gather(*tasks)
    assert server.connections == 3
    assert len(server.ledger) == 9
    await send.close()


async def test_an_account_never_waits_for_another(server: ScriptedSmtp) -> None:
    send = sender(server.port, connections=1)
    gate = asyncio.Event()
    server.on(At.DOT, Do(wait=gate))
    slow = asyncio.create_task(send.submit(numbered(1), credentials(server.port, account="slow"), Noted()))
    async with asyncio.timeout(30):
        while not server.said("DATA"):
            await asyncio.sleep(0.01)
        await send.submit(numbered(2), credentials(server.port, account="other"), Noted())
    gate.set()
    await slow
    await send.close()


async def test_a_changed_password_opens_a_new_connection(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    await send.submit(numbered(1), credentials(server.port), Noted())
    await send.submit(numbered(2), credentials(server.port, password="other"), Noted())
    assert server.connections == 2
    assert server.said("AUTH") == 2
    await send.close()


async def test_a_forgotten_account_keeps_no_connection(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    await send.submit(numbered(1), credentials(server.port), Noted())
    gate = asyncio.Event()
    server.on(At.DOT, Do(wait=gate))
    under_way = asyncio.create_task(send.submit(numbered(2), credentials(server.port), Noted()))
    async with asyncio.timeout(30):
        while server.said("DATA") < 2:
            await asyncio.sleep(0.01)
    await send.forget("a1")
    gate.set()
    await under_way
    async with asyncio.timeout(30):
        while server.open:
            await asyncio.sleep(0.01)
    assert len(server.ledger) == 2


async def test_many_messages_over_few_connections_arrive_once_each(server: ScriptedSmtp) -> None:
    send = sender(server.port)
    await asyncio.gather(*(send.submit(numbered(n), credentials(server.port), Noted()) for n in range(200)))
    assert sorted(server.message_ids) == sorted(numbered(n).message_id for n in range(200))
    assert server.connections <= 4
    await send.close()


async def test_of_many_accounts_only_so_many_connections_are_kept(server: ScriptedSmtp) -> None:
    send = sender(server.port, most_idle=3)
    for number in range(8):
        await send.submit(numbered(number), credentials(server.port, account=f"a{number}"), Noted())
    async with asyncio.timeout(30):
        while server.open > 3:
            await asyncio.sleep(0.01)
    await send.submit(numbered(8), credentials(server.port, account="a7"), Noted())
    assert server.connections == 8
    await send.submit(numbered(9), credentials(server.port, account="a0"), Noted())
    assert server.connections == 9
    assert len(server.ledger) == 10
    await send.close()
