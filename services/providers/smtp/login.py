"""Logs in: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195) or XOAUTH2, as the endpoint says and the server offers."""

from __future__ import annotations

import aiosmtplib

from services.providers.endpoint import Auth, Endpoint, Security
from services.providers.errors import ProviderError
from services.providers.smtp.replies import Reply, Stage, error_of

_PASSWORD = ("plain", "login", "cram-md5")
_PASSWORD_IN_THE_CLEAR = ("cram-md5", "plain", "login")
_UNKNOWN_MECHANISM = frozenset({500, 501, 502, 504})


async def log_in(smtp: aiosmtplib.SMTP, endpoint: Endpoint, key: str, timeout: float) -> None:
    """Raises `ReauthRequired` or `Transient`, or aiosmtplib's own where contact is lost. A refused password is not
    tried again by another mechanism: that would count twice towards a provider's lock."""
    wanted = ("xoauth2",) if endpoint.auth is Auth.XOAUTH2 else _PASSWORD
    if endpoint.security is Security.PLAIN:
        if not smtp.server_auth_methods:
            return  # a relay or sandbox at a port that the operator named: it lets its network send without a login
        wanted = ("xoauth2",) if endpoint.auth is Auth.XOAUTH2 else _PASSWORD_IN_THE_CLEAR
    offered = [mechanism for mechanism in wanted if mechanism in smtp.server_auth_methods]
    refusal: ProviderError = error_of(Reply(504, "the server offers no mechanism that fits"), Stage.LOGIN)
    for mechanism in offered:
        try:
            await _present(smtp, mechanism, endpoint.username, key, timeout)
        except aiosmtplib.SMTPAuthenticationError as refused:
            reply = Reply(refused.code, refused.message)
            if reply.accepts:
                return  # 235 is RFC 4954's; the first digit decides (RFC 5321 4.2)
            refusal = error_of(reply, Stage.LOGIN)
            if reply.code not in _UNKNOWN_MECHANISM:
                raise refusal from None
        else:
            return
    raise refusal


async def _present(smtp: aiosmtplib.SMTP, mechanism: str, username: str, key: str, timeout: float) -> None:
    match mechanism:
        case "plain":
            await smtp.auth_plain(username, key, timeout=timeout)
        case "login":
            await smtp.auth_login(username, key, timeout=timeout)
        case "cram-md5":
            await smtp.auth_crammd5(username, key, timeout=timeout)
        case _:
            await smtp.auth_xoauth2(username, key, timeout=timeout)
