"""How fast messages are rendered and submitted: beside EmailMessage, and beside aiosmtplib alone on the same sink."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib

from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.send import SmtpImapSend
from services.providers.types import Credentials, Phase
from services.send.domain.mime import freeze
from tests.servers.smtp_sink import SmtpSink
from tests.unit.mime.drafts import draft

MESSAGES = 5_000
AT_ONCE = 10
_BODY = "Hello there, this is a line of forty-odd octets.\n" * 80


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages per second, and microseconds of this process's CPU for each."""

    per_second: float
    cpu: float


async def ours(sink: SmtpSink, messages: int = MESSAGES) -> Rate:
    """Every phase noted, as `send` has it, but to no database."""
    policy = ConnectPolicy(allowed_networks=("127.0.0.0/8",), extra_ports=(sink.port,))
    server = {"host": "127.0.0.1", "port": sink.port, "security": "plain", "username": "ada"}
    secret = {"smtp_password": "secret"}
    account = Credentials("a", "t", "smtp_imap", "ada@example.com", {"smtp": server, "imap": server}, secret)
    send = SmtpImapSend(policy, connections=AT_ONCE)
    outgoing = freeze(draft(text=_BODY))

    async def one() -> None:
        await send.submit(outgoing, account, _noted)

    try:
        return await _rate([one] * AT_ONCE, messages)
    finally:
        await send.close()


async def peer(sink: SmtpSink, messages: int = MESSAGES) -> Rate:
    """aiosmtplib's own `sendmail` on connections that are kept."""
    outgoing = freeze(draft(text=_BODY))
    clients = [aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.port, start_tls=False) for _ in range(AT_ONCE)]
    for client in clients:
        await client.connect()

    def sending(client: aiosmtplib.SMTP) -> Callable[[], Awaitable[None]]:
        async def one() -> None:
            await client.sendmail(outgoing.envelope.sender, list(outgoing.envelope.recipients), outgoing.mime)

        return one

    try:
        return await _rate([sending(client) for client in clients], messages)
    finally:
        for client in clients:
            client.close()


def rendering(runs: int = 2_000) -> tuple[float, float]:
    """Microseconds for one message: ours, and `EmailMessage`'s."""
    given = draft(text=_BODY)
    return _each(lambda: freeze(given), runs), _each(_email_message, runs // 10)


def _email_message() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Ada Lovelace <ada@example.com>"
    message["To"] = "bob@example.org"
    message["Subject"] = "Hello"
    message["Message-ID"] = "<abc@example.com>"
    message.set_content(_BODY)
    message.as_bytes()


def _each(run: Callable[[], object], runs: int) -> float:
    started = time.perf_counter()
    for _ in range(runs):
        run()
    return (time.perf_counter() - started) / runs * 1e6


async def _noted(phase: Phase, handle: str | None = None) -> None:
    pass


async def _rate(senders: list[Callable[[], Awaitable[None]]], messages: int) -> Rate:
    for send in senders:
        await send()  # connects
    left = iter(range(messages))

    async def work(send: Callable[[], Awaitable[None]], left: Iterator[int]) -> None:
        for _ in left:
            await send()

    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    await asyncio.gather(*(work(send, left) for send in senders))
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Rate(messages / seconds, cpu / messages * 1e6)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sink = SmtpSink(Path(folder), ledger=False)
        await sink.start()
        try:
            for name, measured in (("ours", await ours(sink)), ("aiosmtplib", await peer(sink))):
                print(f"{name:12} {measured.per_second:8,.0f} messages/s  {measured.cpu:6.0f} us of CPU each")
        finally:
            await sink.stop()
    lean, stdlib = rendering()
    print(f"rendering    {lean:6.0f} us, EmailMessage {stdlib:6.0f} us")


if __name__ == "__main__":
    asyncio.run(main())
