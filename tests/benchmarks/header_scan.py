"""How fast the headers of a large INBOX are read from Dovecot: messages per second, framed and as header sets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.providers.endpoint import IMAP_PASSWORD, Endpoint
from services.providers.imap.connection import open_connection
from services.providers.imap.headers import ITEMS, SCAN_BOUNDS
from services.providers.imap.session import PAGE
from services.providers.protocols import ConnectPolicy
from services.providers.smtp_imap.settings import read_settings
from services.providers.smtp_imap.sync import SmtpImapSync
from services.providers.types import Credentials, Folder, FolderRole
from tests.servers.dovecot import PASSWORD, Dovecot, mail

MESSAGES = 20_000
_INBOX = Folder("INBOX", "INBOX", FolderRole.INBOX)


@dataclass(frozen=True, slots=True)
class ScanRates:
    """Messages per second. `framed`: pages read and cut, nothing made of them; `header_sets`: through the client."""

    framed: float
    header_sets: float


async def scan(dovecot: Dovecot, *, messages: int = MESSAGES, security: str = "plain", runs: int = 3) -> ScanRates:
    """The best of `runs` passes over an INBOX that Dovecot has indexed, which is what a mailbox in use looks like."""
    user = f"scan{messages}"
    if not dovecot.messages(user):
        dovecot.deliver(user, *(mail(number) for number in range(messages)))
    port = dovecot.imaps_port if security == "tls" else dovecot.imap_port
    policy = ConnectPolicy(allowed_networks=("127.0.0.0/8", "::1/128"), extra_ports=(port,), ca_file=dovecot.ca_file)
    server = {"host": dovecot.host, "port": port, "security": security, "username": user}
    settings = {"smtp": server, "imap": server}
    secret = {IMAP_PASSWORD: PASSWORD}
    credentials = Credentials(user, "bench", "smtp_imap", f"{user}@example.com", settings, secret)
    sets = [await _header_sets(policy, credentials, messages) for _ in range(runs + 1)][1:]  # the first one indexes
    framed = [await _framed(policy, read_settings(settings).imap, secret, messages) for _ in range(runs)]
    return ScanRates(framed=messages / min(framed), header_sets=messages / min(sets))


async def _header_sets(policy: ConnectPolicy, credentials: Credentials, messages: int) -> float:
    session = await SmtpImapSync(policy).open(credentials)
    uidvalidity = (await session.start(_INBOX)).partition(":")[0]
    started = time.perf_counter()
    pages = [len(page.headers) async for page in session.changes(_INBOX, f"{uidvalidity}:0")]
    seconds = time.perf_counter() - started
    await session.close()
    _require(sum(pages), messages)
    return seconds


async def _framed(policy: ConnectPolicy, endpoint: Endpoint, secret: dict[str, str], messages: int) -> float:
    connection = await open_connection(endpoint, secret, policy)
    await connection.run("EXAMINE", "INBOX")
    connection.selected("INBOX")
    started = time.perf_counter()
    count = 0
    for first in range(1, messages + 1, PAGE):
        uids = f"{first}:{first + PAGE - 1}"
        count += len((await connection.run("FETCH", uids, ITEMS, prefix="UID", bounds=SCAN_BOUNDS)).responses)
    seconds = time.perf_counter() - started
    await connection.close()
    _require(count, messages)
    return seconds


def _require(seen: int, expected: int) -> None:
    if seen != expected:
        raise AssertionError(f"{seen} of {expected} messages were read")


async def main(securities: Sequence[str] = ("plain", "tls")) -> None:
    dovecot = Dovecot()
    await dovecot.start()
    try:
        for security in securities:
            rates = await scan(dovecot, security=security)
            print(f"{security:6} framed {rates.framed:10,.0f}/s   header sets {rates.header_sets:10,.0f}/s")
    finally:
        await dovecot.stop()
        dovecot.remove()


if __name__ == "__main__":
    asyncio.run(main())
