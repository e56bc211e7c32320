"""Opens an IMAP connection to a vetted address only, with TLS from the start or by STARTTLS that cannot be stripped."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import sslproto

from services.providers.endpoint import Endpoint, Security, require_permitted_security
from services.providers.hosts import Purpose, VettedHost, connect, tls_context, vet
from services.providers.imap import errors
from services.providers.imap.framing import Bounds
from services.providers.imap.protocol import NONAUTH, Exchange, LinearProtocol
from services.providers.protocols import ConnectPolicy

_IDLE_BUFFER = 16 * 1024


async def dial(endpoint: Endpoint, policy: ConnectPolicy, *, timeout: float) -> LinearProtocol:
    """A greeted, protected connection. Raises `Permanent` or `Transient`; `timeout` in seconds, for all of it."""
    require_permitted_security(endpoint, policy)
    try:
        async with asyncio.timeout(timeout):
            vetted = await vet(endpoint.host, endpoint.port, Purpose.IMAP, policy, timeout=timeout)
            connected = await connect(vetted, timeout=timeout)
            _keep_alive(connected)
            return await _greeted(endpoint.security, vetted, connected, tls_context(policy.ca_file))
    except TimeoutError:
        raise errors.silent("the connection", timeout) from None
    except ssl.SSLError as failed:
        raise errors.failed_tls(failed, endpoint.host) from failed
    except OSError as failed:
        raise errors.connection_lost(failed) from failed


async def _greeted(
    security: Security, vetted: VettedHost, connected: socket.socket, context: ssl.SSLContext
) -> LinearProtocol:
    loop = asyncio.get_running_loop()
    _shrink_tls_buffers()
    protocol = LinearProtocol(loop)
    direct = security is Security.TLS
    try:
        await loop.create_connection(
            lambda: protocol,
            sock=connected,
            ssl=context if direct else None,
            server_hostname=vetted.name if direct else None,
        )
    except BaseException:
        connected.close()
        raise
    try:
        await protocol.greeting
        if security is Security.STARTTLS:
            await _start_tls(protocol, vetted.name, context)
    except BaseException:
        protocol.drop(errors.connection_lost())
        raise
    return protocol


async def _start_tls(protocol: LinearProtocol, host: str, context: ssl.SSLContext) -> None:
    if protocol.state != NONAUTH:
        # A greeting of PREAUTH leaves no state in which STARTTLS is allowed: the known way to strip it.
        raise errors.unprotected(host, "logged in by itself before TLS was possible")
    command = Exchange("STARTTLS", protocol.new_tag())
    protocol.begin(command, Bounds())
    await command.wait()
    if command.result != "OK":
        raise errors.unprotected(host, f"STARTTLS was refused: {errors.words_of(command.text)}")
    if protocol.injected:
        raise errors.unprotected(host, "sent more than its answer to STARTTLS before TLS began")
    loop = asyncio.get_running_loop()
    transport = await loop.start_tls(protocol.transport, protocol, context, server_hostname=host)
    if transport is None:
        raise errors.connection_lost()
    protocol.protect(transport)


def _keep_alive(connected: socket.socket) -> None:
    """Let the kernel notice within about two minutes that the other side is gone without a word."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):  # not every platform names them all
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


def _shrink_tls_buffers() -> None:
    """asyncio gives every TLS connection a read buffer of 256 KiB, though one TLS record holds 16; idle accounts are
    many, and the size can only be set for the class."""
    sslproto.SSLProtocol.max_size = _IDLE_BUFFER
