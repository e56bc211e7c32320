"""Logs in: LOGIN, SASL PLAIN (RFC 4616) or XOAUTH2, as the endpoint's `auth` says and the server allows."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from services.providers.endpoint import Auth, Endpoint
from services.providers.errors import Transient
from services.providers.imap import errors
from services.providers.imap.errors import Refused
from services.providers.imap.names import quoted
from services.providers.imap.protocol import AUTH, Exchange

if TYPE_CHECKING:
    from services.providers.imap.connection import ImapConnection


async def log_in(connection: ImapConnection, endpoint: Endpoint, key: str) -> None:
    """Leaves the connection authenticated, its capabilities known. Raises `ReauthRequired` or `Transient`."""
    greeting = connection.protocol.greeting.result()
    if connection.protocol.state == AUTH:  # PREAUTH: the server knows us by the connection itself
        await connection.learn_capabilities(greeting)
        return
    # What was said before STARTTLS is not to be believed: it is asked for again.
    protected_since_greeting = connection.protocol.upgraded
    await connection.learn_capabilities(*(() if protected_since_greeting else (greeting,)))
    try:
        answer = await _present(connection, endpoint, key)
    except Refused as refusal:
        raise errors.refused_login(refusal) from refusal
    connection.authenticated()
    try:
        await connection.learn_capabilities(answer.text, *(response[0] for response in answer.responses))
    except Refused as refusal:
        raise errors.refused_command(refusal) from refusal


async def _present(connection: ImapConnection, endpoint: Endpoint, key: str) -> Exchange:
    if endpoint.auth is Auth.XOAUTH2:
        return await _sasl(connection, "XOAUTH2", f"user={endpoint.username}\1auth=Bearer {key}\1\1")
    # LOGIN is what servers understand best, but it cannot carry what is not ASCII, and some switch it off.
    simple = endpoint.username.isascii() and key.isascii() and key.isprintable()
    if simple and "LOGINDISABLED" not in connection.capabilities:
        return await connection.run("LOGIN", quoted(endpoint.username), quoted(key))
    if "AUTH=PLAIN" in connection.capabilities:
        return await _sasl(connection, "PLAIN", f"\0{endpoint.username}\0{key}")
    raise Transient(
        "login_unavailable", words="the server offers neither LOGIN nor AUTHENTICATE PLAIN for this password"
    )


async def _sasl(connection: ImapConnection, mechanism: str, message: str) -> Exchange:
    initial = b64encode(message.encode("utf-8"))
    if "SASL-IR" in connection.capabilities:
        return await connection.run("AUTHENTICATE", mechanism, initial.decode("ascii"))
    return await connection.run("AUTHENTICATE", mechanism, sends=(initial + b"\r\n",))
