"""Opens a logged-in SMTP connection to a vetted address only, with TLS from the start or by STARTTLS that cannot be
stripped."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosmtplib

from services.providers.endpoint import Endpoint, Security, require_permitted_security
from services.providers.errors import Transient
from services.providers.hosts import Purpose, connect, tls_context, vet
from services.providers.protocols import ConnectPolicy
from services.providers.smtp.connection import Connection
from services.providers.smtp.dialogue import Dialogue
from services.providers.smtp.errors import CAUGHT, mapped, starttls_stripped
from services.providers.smtp.login import log_in
from services.providers.smtp.replies import Stage
from services.providers.smtp.timeouts import Timeouts


async def dial(endpoint: Endpoint, key: str, policy: ConnectPolicy, timeouts: Timeouts) -> Connection:
    """Raises `Permanent` (`refused_host`), `ReauthRequired` or `Transient`."""
    require_permitted_security(endpoint, policy)
    vetted = await vet(endpoint.host, endpoint.port, Purpose.SMTP, policy, timeout=timeouts.connect)
    reached = await connect(vetted, timeout=timeouts.connect)
    _give_up_after(reached, timeouts.unacknowledged)
    smtp = aiosmtplib.SMTP(
        hostname=vetted.name,
        sock=reached,
        local_hostname=_own_name(reached),
        use_tls=endpoint.security is Security.TLS,
        start_tls=False,
        tls_context=tls_context(policy.ca_file),
        timeout=timeouts.reply,
    )
    try:
        await _introduce(smtp, endpoint, timeouts)
        async with _stage(Stage.LOGIN, endpoint):
            await log_in(smtp, endpoint, key, timeouts.reply)
            extensions = dict(smtp.esmtp_extensions)
            return Connection(smtp, Dialogue.adopt(smtp), vetted.name, extensions, asyncio.get_running_loop().time())
    except BaseException:
        if smtp.transport is not None:
            smtp.transport.abort()  # type: ignore[attr-defined]  # of asyncio.WriteTransport
        smtp.close()
        reached.close()
        raise


async def _introduce(smtp: aiosmtplib.SMTP, endpoint: Endpoint, timeouts: Timeouts) -> None:
    async with _stage(Stage.GREETING, endpoint):
        await smtp.connect()
    async with _stage(Stage.EHLO, endpoint):
        await smtp.ehlo()
    if endpoint.security is Security.STARTTLS:
        async with _stage(Stage.STARTTLS, endpoint):
            if not smtp.supports_extension("starttls"):
                raise starttls_stripped(endpoint.host)
            await smtp.starttls(server_hostname=smtp.hostname, timeout=timeouts.reply)
        async with _stage(Stage.EHLO, endpoint):
            await smtp.ehlo()
    if endpoint.security is not Security.PLAIN and smtp.get_transport_info("sslcontext") is None:
        raise Transient("tls_failed", words=f"{endpoint.host}: the connection is not protected")


@asynccontextmanager
async def _stage(stage: Stage, endpoint: Endpoint) -> AsyncIterator[None]:
    try:
        yield
    except (*CAUGHT, ssl.SSLError) as failed:
        raise mapped(failed, stage, endpoint.host) from failed


def _give_up_after(reached: socket.socket, seconds: float | None) -> None:
    if seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # not every platform has it
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _own_name(reached: socket.socket) -> str:
    """An address literal, as RFC 5321 4.1.4 asks of a client without a name: a mail client's own is of no use."""
    address = str(reached.getsockname()[0])
    return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"
