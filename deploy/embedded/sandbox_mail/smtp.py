"""The SMTP side: takes mail of logged-in users for the sandbox's own users, and refuses as a real server would."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime
from hmac import compare_digest
from typing import Any
from uuid import uuid4

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from deploy.embedded.sandbox_mail.imap import Imap
from deploy.embedded.sandbox_mail.ledger import Ledger


class Submission:
    """aiosmtpd's handler: its method names are its hooks."""

    def __init__(self, imap: Imap, ledger: Ledger, users: Mapping[str, str]) -> None:
        self._imap = imap
        self._ledger = ledger
        self._users = users

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, how: str, given: object) -> AuthResult:
        if not isinstance(given, LoginPassword):
            return AuthResult(success=False, handled=False)
        login = given.login.decode("utf-8", "replace").lower()
        known = self._users.get(login)
        if known is None or not compare_digest(known.encode(), given.password):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=login)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd looks it up by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._imap.owner_of(address) != session.auth_data:
            return f"553 5.7.1 <{address}>: sender address rejected: not owned by user {session.auth_data}"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._imap.owner_of(address) is None:
            domains = {user.rpartition("@")[2] for user in self._users}
            if address.rpartition("@")[2].lower() in domains:
                return f"550 5.1.1 <{address}>: recipient address rejected: user unknown"
            return f"554 5.7.1 <{address}>: relay access denied: this sandbox delivers to its own users only"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        assert envelope.mail_from is not None
        queue_id = uuid4().hex[:12].upper()
        for owner in dict.fromkeys(self._imap.owner_of(address) for address in envelope.rcpt_tos):
            assert owner is not None
            await self._imap.deliver(owner, _trace(envelope.mail_from, owner, session, queue_id) + content)
        self._ledger.record(
            message_id=str(BytesHeaderParser(policy=compat32).parsebytes(content).get("Message-ID", "")).strip(),
            login=str(session.auth_data),
            sender=envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            size=len(content),
        )
        return f"250 2.0.0 Ok: queued as {queue_id}"


def _trace(sender: str, owner: str, session: Session, queue_id: str) -> bytes:
    """RFC 5321 4.4: what the last server adds on top."""
    return (
        f"Return-Path: <{sender}>\r\nDelivered-To: {owner}\r\n"
        f"Received: from {session.host_name} by sandbox.example.net (Replywire sandbox) with ESMTPSA id {queue_id};\r\n"
        f"\t{format_datetime(datetime.now(UTC))}\r\n"
    ).encode()


async def listen(
    handler: Submission,
    host: str,
    port: int,
    *,
    implicit_tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    max_message: int,
) -> asyncio.Server:
    """With neither context it is plain: only for a port that was asked for by name."""
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {
        "hostname": "sandbox.example.net",
        "ident": "ESMTP Replywire sandbox",
        "data_size_limit": max_message,
        "enable_SMTPUTF8": True,
        "tls_context": starttls,
        "auth_required": True,
        "auth_require_tls": starttls is not None,  # aiosmtpd knows only TLS that began with STARTTLS
        "authenticator": handler.authenticate,
        "loop": loop,
    }
    return await loop.create_server(lambda: SMTP(handler, **options), host, port, ssl=implicit_tls)
